import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Painter, VEGA_LITE } from './painter';

export interface IChartProps {
  rendermime: IRenderMimeRegistry;
  /** A Vega-Lite specification, without colours: they come from the theme. */
  spec: { [key: string]: unknown };
  height?: number;
  /** What is drawn, for those who cannot see it. */
  label: string;
  /** Title and legend; left out: the label. */
  caption?: React.ReactNode;
  trans: TranslationBundle;
}

/** Colours of lines in their order: variables of the theme, and what stands in where a theme has them not. */
export const PALETTE: [variable: string, fallback: string][] = [
  ['--jp-brand-color1', '#1976d2'],
  ['--jp-warn-color1', '#f57c00'],
  ['--jp-success-color1', '#388e3c'],
  ['--jp-error-color1', '#d32f2f'],
  ['--jp-info-color1', '#0097a7'],
  ['--jp-accent-color1', '#7b1fa2'],
  ['--jp-mirror-editor-string-color', '#ba2121'],
  ['--jp-mirror-editor-operator-color', '#aa22ff'],
  ['--jp-mirror-editor-attribute-color', '#0000cc'],
  ['--jp-ui-font-color2', '#616161']
];

/** Milliseconds of rest before a chart follows the width of its place. */
const RESIZE_MS = 120;

/** A chart. Where no Vega renderer is installed it says so, and the numbers stay in the tables. */
export function Chart(props: IChartProps): React.ReactElement {
  const { rendermime, height = 160 } = props;
  const host = React.useRef<HTMLDivElement>(null);
  const painter = React.useRef<Painter | null>(null);
  const [missing, setMissing] = React.useState(false);
  const [theme, setTheme] = React.useState(0);
  // not known yet, or not seen: nothing is drawn
  const [width, setWidth] = React.useState(0);
  const text = JSON.stringify(props.spec);

  React.useEffect(() => {
    // the theme is a class and data attributes on body: a change of them changes our colours
    const observer = new MutationObserver(() => setTheme(count => count + 1));
    observer.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-name'] });
    return () => observer.disconnect();
  }, []);

  React.useEffect(() => {
    const node = host.current;
    if (!node) {
      return;
    }
    if (!rendermime.mimeTypes.includes(VEGA_LITE)) {
      setMissing(true);
      return;
    }
    const fresh = new Painter(node, rendermime, () => setMissing(true));
    painter.current = fresh;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const measure = () => setWidth(Math.floor(node.clientWidth));
    const observer = new ResizeObserver(() => {
      if (timer !== null) {
        clearTimeout(timer);
      }
      timer = setTimeout(measure, RESIZE_MS);
    });
    observer.observe(node);
    measure();
    return () => {
      observer.disconnect();
      if (timer !== null) {
        clearTimeout(timer);
      }
      fresh.dispose();
      painter.current = null;
    };
  }, [rendermime]);

  React.useEffect(() => {
    if (host.current && width > 0) {
      painter.current?.draw(themed(JSON.parse(text), host.current, width, height));
    }
  }, [text, theme, width, height, rendermime]);

  return (
    <figure className="jp-Dsp-chart">
      <figcaption>{props.caption ?? props.label}</figcaption>
      {missing ? (
        <p className="jp-Dsp-muted">{props.trans.__('No Vega renderer is installed here.')}</p>
      ) : (
        <div ref={host} className="jp-Dsp-chartHost" role="img" aria-label={props.label} style={{ height }} />
      )}
    </figure>
  );
}

/** Colours and fonts of the current theme, read from its CSS variables. */
function themed(
  spec: { [key: string]: unknown },
  node: HTMLElement,
  width: number,
  height: number
): { [key: string]: unknown } {
  const style = getComputedStyle(node);
  const color = (name: string, fallback: string) => style.getPropertyValue(name).trim() || fallback;
  const text = color('--jp-ui-font-color2', '#616161');
  const grid = color('--jp-border-color2', '#e0e0e0');
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    width,
    height,
    autosize: { type: 'fit', contains: 'padding' },
    padding: { left: 0, right: 6, top: 6, bottom: 0 },
    background: 'transparent',
    ...spec,
    config: {
      view: { stroke: null },
      font: style.getPropertyValue('font-family') || 'sans-serif',
      axis: {
        labelColor: text,
        titleColor: text,
        gridColor: grid,
        domainColor: grid,
        tickColor: grid,
        labelFontSize: 10,
        titleFontSize: 10,
        titleFontWeight: 'normal'
      },
      legend: { labelColor: text, titleColor: text, labelFontSize: 10 },
      mark: { color: color('--jp-brand-color1', '#1976d2') },
      line: { strokeWidth: 1.5 },
      text: { color: color('--jp-ui-font-color1', '#212121') },
      range: {
        category: PALETTE.map(([name, fallback]) => color(name, fallback))
      }
    }
  };
}
