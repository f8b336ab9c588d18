import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { LabIcon } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { SplitPanel, TabPanel, type Widget } from '@lumino/widgets';
import type * as React from 'react';

/** A main-area page that knows whether it is seen, so that nothing is read for a hidden tab. */
export class Page extends ReactWidget {
  constructor(private readonly draw: (visible: boolean) => React.ReactElement) {
    super();
    this.addClass('jp-Dsp-pageHost');
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.update();
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.update();
  }

  protected override render(): React.ReactElement {
    return this.draw(this.isVisible);
  }
}

export function makePage(options: {
  id: string;
  title: string;
  caption: string;
  icon: LabIcon;
  draw: (visible: boolean) => React.ReactElement;
}): MainAreaWidget<Page> {
  const page = new MainAreaWidget({ content: new Page(options.draw) });
  page.id = options.id;
  page.title.label = options.title;
  page.title.caption = options.caption;
  page.title.icon = options.icon;
  page.title.closable = true;
  page.toolbar.hide();
  return page;
}

/** Shows a page. Notebook 7 has room for one document in its main area: there the page opens below it. */
export function showPage(shell: JupyterFrontEnd.IShell, page: MainAreaWidget<Page>): void {
  if (page.parent === null) {
    shell.add(page, 'main');
  }
  if (page.parent === null) {
    shell.add(page, 'down');
  }
  shell.activateById(page.id);
  if (!page.isVisible) {
    raise(page);
  }
  requestAnimationFrame(() => makeRoom(page));
}

/** Brings the page's tab to the front; Notebook 7 does that only for a lower area that was closed. */
function raise(page: Widget): void {
  for (let at = page.parent; at; at = at.parent) {
    if (at instanceof TabPanel) {
      at.currentWidget = page;
    }
  }
}

/** A lower area that has never been open shows its tabs only: give it half of the height. */
function makeRoom(page: Widget): void {
  if (page.node.clientHeight >= LEAST_PX) {
    return;
  }
  for (let at = page.parent; at; at = at.parent) {
    if (at instanceof SplitPanel && at.orientation === 'vertical' && at.widgets.length === 2) {
      at.setRelativeSizes([1, 1]);
    }
  }
}

const LEAST_PX = 120;
