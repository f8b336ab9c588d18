import type { ISettingRegistry } from '@jupyterlab/settingregistry';

/** What people may set, see schema/panel.json. */
export interface IPreferences {
  /** Which ends of runs are told in a notification. */
  notifications: 'all' | 'problems' | 'none';
  /** Rows of a section before "Show more". */
  rows: number;
  /** Charts in a run card. */
  cardCurves: number;
  showInNotebook7: boolean;
}

/** The plug-in that the schema is named after. */
const PLUGIN = 'jupyterlab-dsp:panel';

/** As the schema says, for a front end without settings. */
export const DEFAULTS: IPreferences = {
  notifications: 'all',
  rows: 8,
  cardCurves: 2,
  showInNotebook7: true
};

/** Reads the settings, now and whenever they change. */
export async function followPreferences(
  registry: ISettingRegistry,
  take: (preferences: IPreferences) => void
): Promise<void> {
  const settings = await registry.load(PLUGIN);
  const read = () => take({ ...DEFAULTS, ...(settings.composite as Partial<IPreferences>) });
  settings.changed.connect(read);
  read();
}
