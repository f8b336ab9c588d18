import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { speak } from '../format';
import { dspIcon } from '../icons';
import { Dsp } from '../platform';
import { followPreferences } from '../preferences';
import { CommandIDs, IDsp, IDspPanel } from '../tokens';
import { DspPanel, type IPanelState } from './panel';

const STATE_KEY = 'jupyterlab-dsp:panel';

/** Client, change stream and preferences, for every other plug-in. */
export const platformPlugin: JupyterFrontEndPlugin<IDsp> = {
  id: 'jupyterlab-dsp:platform',
  description: 'Talks to the server half of the data science platform.',
  autoStart: true,
  provides: IDsp,
  optional: [ISettingRegistry, ITranslator],
  activate: (app: JupyterFrontEnd, registry: ISettingRegistry | null, translator: ITranslator | null) => {
    speak((translator ?? nullTranslator).load('jupyterlab_dsp'));
    return new Dsp(app.serviceManager, async dsp => {
      if (registry) {
        await followPreferences(registry, preferences => dsp.prefer(preferences)).catch(reason => {
          console.warn('The settings of the data science platform could not be read.', reason);
        });
      }
    });
  }
};

/** The side panel, empty: areas add their sections. */
export const panelPlugin: JupyterFrontEndPlugin<IDspPanel> = {
  id: 'jupyterlab-dsp:panel',
  description: 'The side panel of the data science platform.',
  autoStart: true,
  provides: IDspPanel,
  requires: [IDsp],
  optional: [ILabShell, ITranslator, ILayoutRestorer, ICommandPalette, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    dsp: IDsp,
    labShell: ILabShell | null,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    state: IStateDB | null
  ) => {
    const trans = (translator ?? nullTranslator).load('jupyterlab_dsp');
    const panel = new DspPanel(dsp, trans, value => void state?.save(STATE_KEY, { ...value }));
    panel.title.icon = dspIcon;
    const add = () => app.shell.add(panel, 'left', { rank: 600, type: 'Data Science Platform' });
    if (labShell) {
      // at once: the layout that is restored names it
      add();
      restorer?.add(panel, panel.id);
    } else {
      void Promise.all([app.restored, dsp.preferencesRead]).then(
        () => dsp.preferences.showInNotebook7 && add()
      );
    }
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
