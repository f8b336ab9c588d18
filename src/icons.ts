import { LabIcon } from '@jupyterlab/ui-components';

/** A stack of layers with a rising curve: data below, the model on top. */
export const dspIcon = new LabIcon({
  name: 'jupyterlab-dsp:dsp',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
  <g class="jp-Dsp-strokeIcon" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" stroke-linecap="round">
    <path d="M3 16.5 12 21l9-4.5"/><path d="M3 12l9 4.5L21 12"/><path d="M12 3 3 7.5 12 12l9-4.5z"/>
  </g></svg>`
});
