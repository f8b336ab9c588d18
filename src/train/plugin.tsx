import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  InputDialog,
  type MainAreaWidget,
  Notification,
  showDialog,
  WidgetTracker
} from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { makePage, type Page, showPage } from '../components/page';
import { dspIcon } from '../icons';
import { CommandIDs, IDsp, IDspPanel } from '../tokens';
import { changedParams } from './changed-params';
import { ComparePage } from './compare-page';
import { tellKernels } from './kernel-context';
import { RUN_MIME, RunCardRenderer } from './run-card';
import { RunPage } from './run-page';
import { RunsSection } from './section';

/** Runs: section, page, comparison, live card, and the word to the kernel which notebook it serves. */
export const trainPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-dsp:train',
  description: 'Runs: list, page, comparison and the live card in the notebook.',
  autoStart: true,
  requires: [IDsp, IDspPanel, IRenderMimeRegistry],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    dsp: IDsp,
    panel: IDspPanel,
    rendermime: IRenderMimeRegistry,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    notebooks: INotebookTracker | null
  ) => {
    const trans = (translator ?? nullTranslator).load('jupyterlab_dsp');
    const { commands, shell } = app;
    const pages = new WidgetTracker<MainAreaWidget<Page>>({ namespace: 'dsp-run' });
    const comparisons = new WidgetTracker<MainAreaWidget<Page>>({ namespace: 'dsp-compare' });
    const shared = { dsp, commands, rendermime, trans };

    const open = (
      tracker: WidgetTracker<MainAreaWidget<Page>>,
      id: string,
      make: () => MainAreaWidget<Page>
    ): void => {
      let page = tracker.find(candidate => candidate.id === id);
      if (!page) {
        page = make();
        void tracker.add(page);
      }
      showPage(shell, page);
    };

    const runArgs = {
      type: 'object',
      properties: { runId: { type: 'string', description: trans.__('The 12 digits of the run') } },
      required: ['runId']
    } as const;

    commands.addCommand(CommandIDs.openRun, {
      label: args => (args['runId'] ? trans.__('Open run %1', args['runId']) : trans.__('Open a run')),
      icon: dspIcon,
      describedBy: { args: runArgs },
      execute: async args => {
        const runId = String(args['runId'] ?? (await latestRun(dsp, trans)));
        open(pages, `dsp-run-${runId}`, () => {
          const setTitle = (title: string) => {
            page.title.label = title;
          };
          const page = makePage({
            id: `dsp-run-${runId}`,
            title: trans.__('Run %1', runId.slice(0, 6)),
            caption: trans.__('Run %1', runId),
            icon: dspIcon,
            draw: visible => <RunPage {...shared} runId={runId} visible={visible} onTitle={setTitle} />
          });
          return page;
        });
      }
    });

    commands.addCommand(CommandIDs.compare, {
      label: trans.__('Compare runs or versions'),
      describedBy: {
        args: {
          type: 'object',
          properties: { refs: { type: 'array', items: { type: 'string' }, minItems: 2, maxItems: 10 } },
          required: ['refs']
        }
      },
      execute: args => {
        const refs = args['refs'] as string[];
        const id = `dsp-compare-${refs.join('-')}`;
        open(comparisons, id, () =>
          makePage({
            id,
            title: trans.__('Compare %1', refs.length),
            caption: refs.join(', '),
            icon: dspIcon,
            draw: visible => <ComparePage {...shared} refs={refs} visible={visible} />
          })
        );
      }
    });

    commands.addCommand(CommandIDs.stopRun, {
      label: trans.__('Stop the run'),
      icon: stopIcon,
      describedBy: { args: runArgs },
      execute: async args => {
        const runId = String(args['runId']);
        const answer = await showDialog({
          title: trans.__('Stop run %1?', runId),
          body: trans.__('Its processes are ended now. What it has logged stays; the model is not stored.'),
          buttons: [
            Dialog.cancelButton({ label: trans.__('Keep it running') }),
            Dialog.warnButton({ label: trans.__('Stop') })
          ]
        });
        if (answer.button.accept) {
          await dsp.client.call('train.stop', { run_id: runId }).catch(tell);
        }
      }
    });

    commands.addCommand(CommandIDs.retryRun, {
      label: trans.__('Run again'),
      icon: refreshIcon,
      describedBy: { args: runArgs },
      execute: async args => {
        const runId = String(args['runId']);
        try {
          const old = await dsp.client.call('train.show', { run_id: runId });
          const text = Object.entries(old.params)
            .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
            .join(' ');
          const answer = await InputDialog.getText({
            title: trans.__('Run again with these parameters'),
            label: trans.__('name=value, separated by spaces'),
            text,
            okLabel: trans.__('Run')
          });
          if (!answer.button.accept) {
            return;
          }
          const params = changedParams(old.params, answer.value ?? '');
          const fresh = await dsp.client.call('train.retry', { run_id: runId, params });
          await commands.execute(CommandIDs.openRun, { runId: fresh.id });
        } catch (reason) {
          tell(reason);
        }
      }
    });

    panel.addSection({
      id: 'train',
      title: trans.__('Runs'),
      rank: 30,
      render: (report, visible) => (
        <RunsSection dsp={dsp} commands={commands} trans={trans} visible={visible} report={report} />
      )
    });

    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [RUN_MIME],
        // before HTML and plain text, which are in the same bundle for front ends without this extension
        defaultRank: 10,
        createRenderer: () => new RunCardRenderer({ dsp, commands, rendermime: () => rendermime, trans })
      },
      10
    );

    if (notebooks) {
      tellKernels(notebooks);
    }
    if (restorer) {
      void restorer.restore(pages, {
        command: CommandIDs.openRun,
        args: page => ({ runId: page.id.slice('dsp-run-'.length) }),
        name: page => page.id
      });
    }
    palette?.addItem({ command: CommandIDs.openRun, category: trans.__('Data Science Platform') });
    notifyEnds(dsp, app, trans);
  }
};

function tell(reason: unknown): void {
  Notification.error(reason instanceof Error ? reason.message : String(reason), { autoClose: 8000 });
}

async function latestRun(dsp: IDsp, trans: ReturnType<ITranslator['load']>): Promise<string> {
  const page = await dsp.client.call('train.list', { limit: 1 });
  const run = page.items[0];
  if (!run) {
    throw new Error(trans.__('There is no run yet.'));
  }
  return run.id;
}

/** Milliseconds between a change of a run and the look at how it is. */
const LOOK_MS = 1000;

/** A notification when a run that was seen going ends: the browser tab may show something else by then. */
function notifyEnds(dsp: IDsp, app: JupyterFrontEnd, trans: ReturnType<ITranslator['load']>): void {
  const going = new Set<string>();
  const planned = new Set<string>();
  const look = async (runId: string) => {
    planned.delete(runId);
    const run = await dsp.client.call('train.show', { run_id: runId }).catch(() => null);
    if (!run) {
      return;
    }
    if (!run.is_final) {
      going.add(runId);
      return;
    }
    if (!going.delete(runId)) {
      return;
    }
    const actions = [
      { label: trans.__('Open'), callback: () => void app.commands.execute(CommandIDs.openRun, { runId }) }
    ];
    const { notifications } = dsp.preferences;
    if (notifications === 'none' || (notifications === 'problems' && run.state === 'succeeded')) {
      return;
    }
    if (run.state === 'succeeded') {
      const text = run.stored
        ? trans.__('%1 is trained: version %2 is stored.', run.name, run.stored.version)
        : trans.__('%1 is done.', run.name);
      Notification.success(text, { actions, autoClose: 6000 });
    } else if (run.state !== 'stopped') {
      const text = trans.__('%1 did not succeed: %2', run.name, run.problem?.message ?? run.state);
      Notification.error(text, { actions, autoClose: false });
    }
  };
  dsp.changed.connect((_, change) => {
    if (change.kind === 'run' && !change.deleted && !planned.has(change.key)) {
      planned.add(change.key);
      setTimeout(() => void look(change.key), LOOK_MS);
    }
  });
}
