import { test as base, expect, type Locator, type Page } from '@playwright/test';
import { join } from 'node:path';
import { LabServer } from './server';

export { expect };

/** What the page objects use of `window.jupyterapp`. */
interface IApp {
  restored: Promise<unknown>;
  commands: { execute(id: string, args?: object): Promise<unknown> };
  shell: { currentWidget: INotebookPanel | null };
}

interface INotebookPanel {
  context?: { path: string; ready: Promise<void> };
  sessionContext: {
    ready: Promise<void>;
    session: { kernel: { status: string } | null } | null;
    restartKernel(): Promise<void>;
  };
  content: { activeCellIndex: number; widgets: { model: ICellModel }[] };
}

interface ICellModel {
  executionCount: number | null;
  sharedModel: { getSource(): string; setSource(text: string): void };
  toJSON(): { outputs?: unknown[] };
}

declare global {
  interface Window {
    jupyterapp?: IApp;
  }
}

/** JupyterLab (or Notebook 7) in a page. */
export class Lab {
  constructor(
    readonly page: Page,
    readonly server: LabServer
  ) {}

  /** Opens JupyterLab with an empty layout. */
  async open(): Promise<void> {
    await this.page.goto(`${this.server.url}/lab?reset`);
    await this.loaded();
    this.openedAt = Date.now();
  }

  /** When the empty layout was there; milliseconds since the epoch. */
  private openedAt = 0;

  /** Opens a notebook in Notebook 7. */
  async openInNotebook7(path: string): Promise<void> {
    await this.page.goto(`${this.server.url}/notebooks/${encodeURI(path)}`);
    await this.loaded();
    await this.kernelReady();
  }

  /** Reloads the page; the layout is restored by JupyterLab. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.loaded();
  }

  /** Waits until JupyterLab, which saves its layout a moment after a change, has saved this since `open`. */
  async layoutSaved(text: string | RegExp): Promise<void> {
    await expect
      .poll(
        async () => {
          const answer = await (await fetch(`${this.server.url}/lab/api/workspaces`)).json();
          const saved = answer.workspaces.values as { data: unknown; metadata: { last_modified: string } }[];
          // what the test before left in the same server is no answer
          const fresh = saved.filter(one => Date.parse(one.metadata.last_modified) > this.openedAt);
          return JSON.stringify(fresh.map(one => one.data));
        },
        { timeout: 30_000 }
      )
      .toMatch(text);
  }

  /** Opens the command palette and types into it. */
  async palette(text: string): Promise<void> {
    const input = this.page.locator('.lm-CommandPalette-input:visible');
    // it closes when something else takes the focus, as the launcher does at the start
    await expect(async () => {
      if (!(await input.isVisible())) {
        await this.command('apputils:activate-command-palette');
      }
      await input.fill(text, { timeout: 5000 });
      await expect(input).toHaveValue(text, { timeout: 1000 });
    }).toPass({ timeout: 60_000 });
  }

  paletteItem(name: string): Locator {
    return this.page.locator('.lm-CommandPalette-item:visible').filter({
      has: this.page.getByText(name, { exact: true })
    });
  }

  async loaded(): Promise<void> {
    await this.page.waitForFunction(() => !!window.jupyterapp, undefined, { timeout: 90_000 });
    await this.page.evaluate(async () => {
      await window.jupyterapp!.restored;
    });
    await expect(this.page.locator('#jupyterlab-splash')).toHaveCount(0);
  }

  async command(id: string, args: object = {}): Promise<void> {
    await this.page.evaluate(
      async ([id, args]) => {
        await window.jupyterapp!.commands.execute(id, args);
      },
      [id, args] as const
    );
  }

  /** Opens a notebook of the work folder and waits for its kernel. */
  async openNotebook(path: string): Promise<void> {
    await this.command('docmanager:open', { path, factory: 'Notebook' });
    await this.kernelReady();
  }

  /** The notebook in front. */
  get notebook(): Locator {
    return this.page.locator('.jp-NotebookPanel:not(.lm-mod-hidden)');
  }

  cell(index: number): Locator {
    return this.notebook.locator(`.jp-Cell[data-windowed-list-index="${index}"]`);
  }

  output(index: number): Locator {
    return this.cell(index).locator('.jp-Cell-outputArea');
  }

  /** Runs a cell and waits until the kernel has answered. */
  async runCell(index: number): Promise<void> {
    await this.startCell(index);
    await this.page.waitForFunction(
      index =>
        typeof window.jupyterapp!.shell.currentWidget!.content.widgets[index]?.model.executionCount ===
        'number',
      index,
      { timeout: 60_000 }
    );
    await this.kernelIdle();
  }

  /** Starts a cell without waiting for its end. */
  async startCell(index: number): Promise<void> {
    await this.page.evaluate(index => {
      const app = window.jupyterapp!;
      app.shell.currentWidget!.content.activeCellIndex = index;
      void app.commands.execute('notebook:run-cell');
    }, index);
  }

  async runAllCells(timeout = 120_000): Promise<void> {
    await this.command('notebook:run-all-cells');
    await this.kernelIdle(timeout);
  }

  async restartKernel(): Promise<void> {
    await this.page.evaluate(() => window.jupyterapp!.shell.currentWidget!.sessionContext.restartKernel());
    await this.kernelIdle();
  }

  async kernelReady(): Promise<void> {
    await this.page.waitForFunction(() => !!window.jupyterapp!.shell.currentWidget?.context, undefined, {
      timeout: 30_000
    });
    await this.page.evaluate(async () => {
      const panel = window.jupyterapp!.shell.currentWidget!;
      await panel.context!.ready;
      await panel.sessionContext.ready;
    });
    await this.kernelIdle();
  }

  async kernelIdle(timeout = 60_000): Promise<void> {
    await this.page.waitForFunction(
      () => window.jupyterapp!.shell.currentWidget?.sessionContext.session?.kernel?.status === 'idle',
      undefined,
      { timeout }
    );
  }

  async save(): Promise<void> {
    await this.command('docmanager:save');
  }

  /** The side panel. */
  get panel(): Locator {
    return this.page.locator('#jp-dsp-panel');
  }

  /** The tab of the side panel in JupyterLab's left bar. */
  get panelTab(): Locator {
    return this.page.locator('.jp-SideBar .lm-TabBar-tab[data-id="jp-dsp-panel"]');
  }

  /** Opens the side panel by its tab. */
  async openPanel(): Promise<Locator> {
    if (!(await this.panel.isVisible())) {
      await this.panelTab.click();
    }
    await expect(this.panel).toBeVisible();
    return this.panel;
  }

  /** A menu item by the labels on the way to it, opened as a user does. */
  async menu(...labels: string[]): Promise<void> {
    const [top, ...rest] = labels;
    await this.page.locator('#jp-MainMenu .lm-MenuBar-item', { hasText: top! }).first().click();
    for (const label of rest) {
      await this.page.locator('.lm-Menu .lm-Menu-item', { hasText: label }).last().click();
    }
  }

  async dark(isDark = true): Promise<void> {
    await this.command('apputils:change-theme', { theme: isDark ? 'JupyterLab Dark' : 'JupyterLab Light' });
    await expect(this.page.locator('body')).toHaveAttribute('data-jp-theme-light', String(!isDark));
  }

  /** A section of the side panel by its title. */
  section(title: string): Locator {
    return this.panel.getByRole('region', { name: title, exact: true });
  }

  /** The page of the main area that is in front. */
  get main(): Locator {
    return this.page.locator('#jp-main-dock-panel .jp-MainAreaWidget:not(.lm-mod-hidden) .jp-Dsp-page');
  }

  /** Opens the page of a model from the side panel, as a user does. */
  async openModel(name: string): Promise<Locator> {
    await this.openPanel();
    await this.section('Models').getByTitle(`Open ${name}`, { exact: true }).click();
    await expect(this.main.getByRole('heading', { name, level: 2 })).toBeVisible();
    return this.main;
  }

  get dialog(): Locator {
    return this.page.getByRole('dialog');
  }

  /** A notification that is shown, by its text. */
  toast(text: string | RegExp): Locator {
    return this.page.locator('.Toastify__toast', { hasText: text });
  }

  /** Keeps a picture of the window in test-results/pictures, for people. */
  async picture(name: string): Promise<void> {
    await this.page.screenshot({ path: join(__dirname, 'test-results', 'pictures', `${name}.png`) });
  }
}

/**
 * `lab` is a page on a server that the tests of one `home` share. `server` is that server.
 *
 * A file that says `test.use({ home: 'name', options: [...] })` gets a home and a server of its own.
 */
export const test = base.extend<{ lab: Lab }, { home: string; options: string[]; server: LabServer }>({
  home: ['shared', { option: true, scope: 'worker' }],
  options: [[], { option: true, scope: 'worker' }],
  server: [
    async ({ home, options }, use) => {
      void home; // a name only: another one makes another worker, and so another server
      const server = await LabServer.start(options);
      await use(server);
      await server.dispose();
    },
    { scope: 'worker', timeout: 120_000 }
  ],
  lab: async ({ page, server }, use, info) => {
    const errors: string[] = [];
    page.on('pageerror', error => {
      // Notebook 7 itself throws this when it loads its settings, with no extension at all
      if (!error.message.includes("reading 'schema'")) {
        errors.push(String(error.stack ?? error));
      }
    });
    await use(new Lab(page, server));
    if (info.status !== info.expectedStatus) {
      await info.attach('server.log', { body: server.log, contentType: 'text/plain' });
      await info.attach('page-errors.txt', { body: errors.join('\n'), contentType: 'text/plain' });
    } else {
      expect(errors, 'errors thrown in the page').toEqual([]);
    }
  }
});
