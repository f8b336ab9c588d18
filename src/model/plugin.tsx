import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import {
  ICommandPalette,
  InputDialog,
  type MainAreaWidget,
  Notification,
  WidgetTracker
} from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { makePage, type Page, showPage } from '../components/page';
import { dspIcon } from '../icons';
import { CommandIDs, IDsp, IDspPanel } from '../tokens';
import { showExportDialog } from './export-dialog';
import { ModelPage } from './model-page';
import { ModelsSection } from './section';

/** Models: section, page, export from the menu, the toolbar and the palette. */
export const modelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-dsp:model',
  description: 'Models: list, page with versions, export to the versioned store.',
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
    const pages = new WidgetTracker<MainAreaWidget<Page>>({ namespace: 'dsp-model' });
    // the version that a page begins with changes when it is opened again from elsewhere
    const chosen = new Map<string, number | null>();

    commands.addCommand(CommandIDs.openModel, {
      label: args => (args['model'] ? trans.__('Open model %1', args['model']) : trans.__('Open a model…')),
      icon: dspIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            model: { type: 'string', description: trans.__('Name of the model') },
            version: { type: 'integer', description: trans.__('Version to select; left out: the newest') }
          }
        }
      },
      execute: async args => {
        const name = args['model'] ? String(args['model']) : await askModel(dsp, trans);
        if (!name) {
          return;
        }
        const id = `dsp-model-${name}`;
        chosen.set(id, typeof args['version'] === 'number' ? args['version'] : null);
        let page = pages.find(candidate => candidate.id === id);
        if (!page) {
          page = makePage({
            id,
            title: name,
            caption: trans.__('Model %1', name),
            icon: dspIcon,
            draw: visible => (
              <ModelPage
                {...{ dsp, commands, rendermime, trans, visible }}
                model={name}
                version={chosen.get(id) ?? null}
              />
            )
          });
          void pages.add(page);
        }
        showPage(shell, page);
        page.content.update();
      }
    });

    commands.addCommand(CommandIDs.insertLoad, {
      label: trans.__('Load the version in the notebook'),
      describedBy: {
        args: { type: 'object', properties: { code: { type: 'string' } }, required: ['code'] }
      },
      execute: args => {
        const notebook = notebooks?.currentWidget;
        if (!notebook) {
          Notification.warning(trans.__('Open a notebook first; the code goes below its active cell.'), {
            autoClose: 5000
          });
          return;
        }
        NotebookActions.insertBelow(notebook.content);
        notebook.content.activeCell?.model.sharedModel.setSource(String(args['code']).trim());
        shell.activateById(notebook.id);
      }
    });

    commands.addCommand(CommandIDs.exportModel, {
      label: args =>
        args['isMenu']
          ? trans.__('Model to the Versioned Store…')
          : args['toolbar']
            ? trans.__('Export model')
            : trans.__('Export Model to the Versioned Store…'),
      caption: trans.__('Export the model of this notebook to the versioned store'),
      icon: args => (args['isMenu'] ? undefined : dspIcon),
      describedBy: {
        args: { type: 'object', properties: { isMenu: { type: 'boolean' }, toolbar: { type: 'boolean' } } }
      },
      isEnabled: () => !notebooks || notebooks.currentWidget !== null,
      execute: async () => {
        const notebook = notebooks?.currentWidget;
        if (!notebook) {
          Notification.warning(trans.__('Open the notebook whose model you want to export.'), {
            autoClose: 5000
          });
          return;
        }
        await showExportDialog({ dsp, notebook, trans, commands });
      }
    });

    panel.addSection({
      id: 'model',
      title: trans.__('Models'),
      rank: 40,
      render: (report, visible) => (
        <ModelsSection dsp={dsp} commands={commands} trans={trans} visible={visible} report={report} />
      )
    });

    const category = trans.__('Data Science Platform');
    palette?.addItem({ command: CommandIDs.exportModel, category });
    palette?.addItem({ command: CommandIDs.openModel, category });
    notebooks?.currentChanged.connect(() => commands.notifyCommandChanged(CommandIDs.exportModel));
    if (restorer) {
      void restorer.restore(pages, {
        command: CommandIDs.openModel,
        args: page => ({ model: page.id.slice('dsp-model-'.length) }),
        name: page => page.id
      });
    }
  }
};

async function askModel(dsp: IDsp, trans: ReturnType<ITranslator['load']>): Promise<string | null> {
  const page = await dsp.client.call('model.list', { limit: 200 });
  if (page.items.length === 0) {
    Notification.info(trans.__('There is no model yet. Train one with %%dsp train.'), { autoClose: 5000 });
    return null;
  }
  const answer = await InputDialog.getItem({
    title: trans.__('Open model'),
    items: page.items.map(model => model.name)
  });
  return answer.button.accept ? answer.value : null;
}
