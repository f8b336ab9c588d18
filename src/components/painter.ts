import { MimeModel, type IRenderMime, type IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IDisposable } from '@lumino/disposable';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

/** JupyterLab's own Vega renderer: no second chart library in the bundle. */
export const VEGA_LITE = 'application/vnd.vegalite.v5+json';

type Spec = { [key: string]: unknown };

/**
 * Draws Vega-Lite into a node with JupyterLab's renderer.
 *
 * That renderer empties its node before it draws, which flickers on live curves: each picture is drawn by a fresh
 * renderer behind the one that is seen, which is then replaced and disposed of. Pictures that are asked for while
 * one is being drawn are skipped, but for the last.
 */
export class Painter implements IDisposable {
  constructor(
    private readonly host: HTMLElement,
    private readonly rendermime: IRenderMimeRegistry,
    private readonly onProblem: () => void
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  draw(spec: Spec): void {
    this._wanted = spec;
    if (!this._isBusy) {
      void this._drawAll();
    }
  }

  dispose(): void {
    this._isDisposed = true;
    this._wanted = null;
    drop(this._shown);
    this._shown = null;
  }

  private async _drawAll(): Promise<void> {
    this._isBusy = true;
    try {
      while (this._wanted && !this._isDisposed) {
        const spec = this._wanted;
        this._wanted = null;
        await this._drawOne(spec);
      }
    } catch {
      if (!this._isDisposed) {
        this.onProblem();
      }
    } finally {
      this._isBusy = false;
    }
  }

  private async _drawOne(spec: Spec): Promise<void> {
    const model = new MimeModel({
      // the renderer makes a PNG for the notebook file unless there is one; nobody saves ours
      data: { [VEGA_LITE]: spec as never, 'image/png': '-' },
      metadata: {
        [VEGA_LITE]: { embed_options: { actions: false, theme: undefined, defaultStyle: false } as never }
      },
      trusted: true
    });
    this._next = this.rendermime.createRenderer(VEGA_LITE);
    this._next.addClass('jp-Dsp-chartNext');
    Widget.attach(this._next, this.host);
    try {
      await this._next.renderModel(model);
    } finally {
      const old = this._shown;
      if (this._isDisposed) {
        drop(this._next);
      } else {
        this._next.removeClass('jp-Dsp-chartNext');
        this._shown = this._next;
        drop(old);
      }
      this._next = null;
    }
  }

  private _isDisposed = false;
  private _isBusy = false;
  private _wanted: Spec | null = null;
  private _shown: IRenderMime.IRenderer | null = null;
  private _next: IRenderMime.IRenderer | null = null;
}

function drop(widget: Widget | null): void {
  if (widget && !widget.isDisposed) {
    if (widget.isAttached) {
      if (widget.node.isConnected) {
        Widget.detach(widget);
      } else {
        // React cleans up after the page has dropped the node: the widget is only told
        MessageLoop.sendMessage(widget, Widget.Msg.AfterDetach);
      }
    }
    widget.dispose();
  }
}
