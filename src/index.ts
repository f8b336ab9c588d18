import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { modelPlugin } from './model/plugin';
import { panelPlugin, platformPlugin } from './panel/plugin';
import { trainPlugin } from './train/plugin';

export * from './tokens';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  platformPlugin,
  panelPlugin,
  trainPlugin,
  modelPlugin
] as JupyterFrontEndPlugin<unknown>[];

export default plugins;
