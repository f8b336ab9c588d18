import { MimeModel, type IRenderMime, type IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

/** JupyterLab's own Vega renderer: no second chart library in the bundle. */
const VEGA_LITE = 'application/vnd.vegalite.v5+json';

export interface IChartProps {
  rendermime: IRenderMimeRegistry;
  /** A Vega-Lite specification, without colours: they come from the theme. */
  spec: { [key: string]: unknown };
  height?: number;
  label: string;
}

/** A chart. Where no Vega renderer is installed it says so, and the numbers stay in the tables. */
export function Chart(props: IChartProps): React.ReactElement {
  const host = React.useRef<HTMLDivElement>(null);
  const renderer = React.useRef<IRenderMime.IRenderer | null>(null);
  const [missing, setMissing] = React.useState(false);
  const [theme, setTheme] = React.useState(0);
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
    if (!props.rendermime.mimeTypes.includes(VEGA_LITE)) {
      setMissing(true);
      return;
    }
    let isCurrent = true;
    const draw = async () => {
      const data = { [VEGA_LITE]: themed(JSON.parse(text), node, props.height ?? 160) };
      const model = new MimeModel({ data: data as never, trusted: true });
      const fresh = renderer.current ?? props.rendermime.createRenderer(VEGA_LITE);
      if (!renderer.current) {
        renderer.current = fresh;
        Widget.attach(fresh, node);
      }
      await fresh.renderModel(model);
      if (!isCurrent) {
        return;
      }
      MessageLoop.sendMessage(fresh, Widget.ResizeMessage.UnknownSize);
    };
    draw().catch(() => isCurrent && setMissing(true));
    return () => {
      isCurrent = false;
    };
  }, [text, theme, props.rendermime, props.height]);

  React.useEffect(
    () => () => {
      const widget = renderer.current;
      renderer.current = null;
      if (widget && !widget.isDisposed) {
        if (widget.isAttached) {
          Widget.detach(widget);
        }
        widget.dispose();
      }
    },
    []
  );

  return (
    <div
      className="jp-Dsp-chart"
      role="img"
      aria-label={props.label}
      style={{ minHeight: props.height ?? 160 }}
    >
      {missing && <p className="jp-Dsp-muted">{props.label}</p>}
      <div ref={host} />
    </div>
  );
}

/** Colours and fonts of the current theme, read from its CSS variables. */
function themed(spec: { [key: string]: unknown }, node: HTMLElement, height: number): object {
  const style = getComputedStyle(node);
  const color = (name: string, fallback: string) => style.getPropertyValue(name).trim() || fallback;
  const text = color('--jp-ui-font-color2', '#616161');
  const grid = color('--jp-border-color2', '#e0e0e0');
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    width: 'container',
    height,
    autosize: { type: 'fit', contains: 'padding' },
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
      title: {
        color: color('--jp-ui-font-color1', '#212121'),
        fontSize: 11,
        fontWeight: 'normal',
        anchor: 'start'
      },
      line: { strokeWidth: 1.5 },
      range: {
        category: [
          color('--jp-brand-color1', '#1976d2'),
          color('--jp-warn-color1', '#f57c00'),
          color('--jp-success-color1', '#388e3c'),
          color('--jp-error-color1', '#d32f2f'),
          color('--jp-info-color1', '#0097a7'),
          color('--jp-accent-color1', '#7b1fa2'),
          '#795548',
          '#607d8b',
          '#c0ca33',
          '#ec407a'
        ]
      }
    }
  };
}
