import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { dspIcon } from '../icons';
import { Dsp } from '../platform';
import { CommandIDs, IDsp, IDspPanel } from '../tokens';
import { DspPanel, type IPanelState } from './panel';

const STATE_KEY = 'jupyterlab-dsp:panel';

/** Client and change stream, for every other plug-in. */
export const platformPlugin: JupyterFrontEndPlugin<IDsp> = {
  id: 'jupyterlab-dsp:platform',
  description: 'Talks to the server half of the data science platform.',
  autoStart: true,
  provides: IDsp,
  activate: (app: JupyterFrontEnd) => new Dsp(app.serviceManager)
};

/** The side panel, empty: areas add their sections. */
export const panelPlugin: JupyterFrontEndPlugin<IDspPanel> = {
  id: 'jupyterlab-dsp:panel',
  description: 'The side panel of the data science platform.',
  autoStart: true,
  provides: IDspPanel,
  optional: [ITranslator, ILayoutRestorer, ICommandPalette, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    state: IStateDB | null
  ) => {
    const trans = (translator ?? nullTranslator).load('jupyterlab_dsp');
    const panel = new DspPanel(trans, value => void state?.save(STATE_KEY, { ...value }));
    panel.title.icon = dspIcon;
    app.shell.add(panel, 'left', { rank: 600, type: 'Data Science Platform' });
    restorer?.add(panel, panel.id);
    void state?.fetch(STATE_KEY).then(value => {
      if (value && typeof value === 'object' && 'folded' in value) {
        panel.restore(value as unknown as IPanelState);
      }
    });
    app.commands.addCommand(CommandIDs.showPanel, {
      label: trans.__('Data Science Platform'),
      caption: trans.__('Show runs and models in the side panel'),
      icon: dspIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(panel.id)
    });
    palette?.addItem({ command: CommandIDs.showPanel, category: trans.__('Data Science Platform') });
    return panel;
  }
};
