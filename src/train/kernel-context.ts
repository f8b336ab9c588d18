import type { ICodeCellModel } from '@jupyterlab/cells';
import { NotebookActions, type INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import type { JSONObject } from '@lumino/coreutils';

/** Comm target in the kernel; see docs/developers/architecture.md. */
const TARGET = 'dsp.context';
const MENTIONS = /%dsp\b|\bdsp\b|jupyterlab_dsp/;

/** The magic itself is not loaded yet when this line runs: nobody would listen. */
const LOADS = /^\s*%(re)?load_ext\s+jupyterlab_dsp\s*$/gm;

/** Does the text of a cell need the notebook's context? */
export function needsContext(source: string): boolean {
  return MENTIONS.test(source.replace(LOADS, ''));
}

/**
 * Tells the kernel which notebook it serves and what its cells are, so that `%%dsp` has not to guess.
 *
 * It is told just before the cell that needs it; cells that do not mention dsp cost nothing. Each time a comm is
 * opened: an open travels in line with the cells, a later message on it may travel on a thread of its own, and a
 * comm opened before the magics were loaded is dead. The kernel closes the one before.
 */
export function tellKernels(tracker: INotebookTracker): void {
  NotebookActions.executionScheduled.connect((_, { notebook, cell }) => {
    const panel = tracker.find(candidate => candidate.content === notebook);
    const kernel = panel?.sessionContext.session?.kernel;
    if (
      panel &&
      kernel?.handleComms &&
      cell.model.type === 'code' &&
      needsContext(cell.model.sharedModel.getSource())
    ) {
      // the kernel closes it, which disposes of it here
      // eslint-disable-next-line jupyter/require-disposable-transfer
      const comm = kernel.createComm(TARGET);
      comm.open(describe(panel, cell.model.id)).done.catch(() => undefined);
    }
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
