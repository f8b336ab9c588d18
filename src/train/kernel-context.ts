import type { ICodeCellModel } from '@jupyterlab/cells';
import { NotebookActions, type INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { JSONObject } from '@lumino/coreutils';

/** Comm target in the kernel; see docs/developers/architecture.md. */
const TARGET = 'dsp.context';
const MENTIONS = /%dsp\b|\bdsp\b|jupyterlab_dsp/;

/**
 * Tells the kernel which notebook it serves and what its cells are, so that `%%dsp` has not to guess.
 *
 * The message goes over the shell channel just before the cell that needs it, so the kernel has it in time; cells
 * that do not mention dsp cost nothing.
 */
export function tellKernels(tracker: INotebookTracker): void {
  NotebookActions.executionScheduled.connect((_, { notebook, cell }) => {
    const panel = tracker.find(candidate => candidate.content === notebook);
    const kernel = panel?.sessionContext.session?.kernel;
    if (
      !panel ||
      !kernel ||
      cell.model.type !== 'code' ||
      !MENTIONS.test(cell.model.sharedModel.getSource())
    ) {
      return;
    }
    // a comm for each message: one that a kernel refused (before %load_ext) would swallow all that follow, and
    // later messages of a comm may take another way than the cell that they belong to
    const comm = kernel.createComm(TARGET);
    comm.open(describe(panel, cell.model.id));
  });
}

/** The notebook as the kernel is told: path and all cells with id, text and place. */
export function describe(panel: NotebookPanel, cellId: string | null): JSONObject {
  return {
    path: panel.context.path,
    cell_id: cellId,
    cells: [...(panel.content.model?.cells ?? [])].map((cell, index) => ({
      id: cell.id,
      index,
      type: cell.type,
      source: cell.sharedModel.getSource(),
      execution_count: cell.type === 'code' ? (cell as ICodeCellModel).executionCount : null
    }))
  };
}
