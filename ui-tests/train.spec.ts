import type { Locator } from '@playwright/test';
import { expectAccessible } from './accessible';
import { DATA, Gate, kerasCell, LOAD } from './gate';
import { expect, type Lab, test } from './lab';

test.use({ home: 'train' });

interface IRun {
  id: string;
  name: string;
  state: string;
  is_final: boolean;
  metrics: Record<string, number>;
  stored: { model: string; version: number } | null;
  problem: { kind: string; message: string; traceback: string | null } | null;
}

const PARAMETERS = { source: 'units = 16\nlr = 1e-2' };

/** A notebook, opened, with all cells but the last one run; returns the place of that one. */
async function prepared(lab: Lab, path: string, cells: { source: string }[]): Promise<number> {
  lab.server.writeNotebook(path, cells);
  await lab.open();
  await lab.openNotebook(path);
  for (let index = 0; index < cells.length - 1; index += 1) {
    await lab.runCell(index);
  }
  return cells.length - 1;
}

const card = (lab: Lab, name: string): Locator =>
  lab.notebook.getByRole('article', { name: new RegExp(`^Run [0-9a-f]{12} of ${name}$`) });

async function runId(card: Locator): Promise<string> {
  await expect(card).toBeVisible({ timeout: 60_000 });
  return /Run ([0-9a-f]{12})/.exec((await card.getAttribute('aria-label')) ?? '')![1]!;
}

const finalRun = async (lab: Lab, id: string): Promise<IRun> => {
  let run = await lab.server.get<IRun>(`train/runs/${id}`);
  await expect
    .poll(
      async () => {
        run = await lab.server.get<IRun>(`train/runs/${id}`);
        return run.is_final;
      },
      { timeout: 120_000 }
    )
    .toBe(true);
  return run;
};

test('a run lives on through reload, kernel restart and a killed server, and its card with it', async ({
  lab,
  server,
  page
}) => {
  const epochs = 12;
  const gate = new Gate(server, 'digits', epochs);
  gate.allow(2);
  const last = await prepared(lab, 'digits.ipynb', [
    LOAD,
    DATA,
    PARAMETERS,
    kerasCell({ top: '%%dsp train --name digits -p units=32 -o model', epochs, gate })
  ]);
  await lab.runCell(last);
  const live = card(lab, 'digits');
  const id = await runId(live);

  // live: epoch of epochs, progress, curves, output
  const epoch = (number: number) =>
    expect(live).toContainText(`epoch ${number} of ${epochs}`, { timeout: 90_000 });
  await epoch(3);
  await expect(live.getByRole('progressbar')).toBeVisible();
  await expect(live.getByRole('img', { name: 'loss', exact: true })).toBeVisible();
  await expect(
    live.getByRole('img', { name: 'loss', exact: true }).locator('canvas, svg').first()
  ).toBeVisible();
  await expect(live.getByLabel('Output of the run')).toContainText(`Epoch 2/${epochs}`);
  gate.allow(4);
  await epoch(5);
  await live.scrollIntoViewIfNeeded();
  await lab.picture('card-live');
  await lab.save();

  // the page is loaded anew
  await lab.reload();
  await expect(live).toBeVisible();
  await epoch(5);
  gate.allow(6);
  await epoch(7);

  // the kernel is restarted: the run is not its child
  await lab.kernelReady();
  await lab.restartKernel();
  gate.allow(8);
  await epoch(9);
  expect((await server.get<IRun>(`train/runs/${id}`)).state).toBe('running');

  // the server is killed and started again; the run goes on meanwhile
  await page.addLocatorHandler(
    page.getByRole('dialog').filter({ hasText: 'Server Connection Error' }),
    dialog => dialog.getByRole('button', { name: 'Close' }).click()
  );
  await server.kill();
  gate.allow(10);
  await server.start();
  await epoch(11);
  await live.scrollIntoViewIfNeeded();
  await lab.picture('card-after-server-restart');
  gate.allow();
  const run = await finalRun(lab, id);
  expect(run.problem).toBeNull();
  expect(run.state).toBe('succeeded');
  expect(run.stored).toEqual({ model: 'digits', version: 1 });
  await expect(live).toContainText('succeeded', { timeout: 60_000 });
  await expect(live.getByRole('button', { name: 'digits v1' })).toBeVisible();
  await expect(live.getByLabel('Output of the run')).toContainText(`Epoch ${epochs}/${epochs}`);
  await live.scrollIntoViewIfNeeded();
  await lab.picture('card-succeeded');
  await expectAccessible(live);

  // and the page that only now opens knows the same
  await lab.reload();
  await expect(live).toContainText('succeeded', { timeout: 60_000 });
  await live.getByRole('button', { name: 'digits v1' }).click();
  await expect(lab.main.getByRole('heading', { name: 'digits version 1' })).toBeVisible();
  await expect(page.locator('.Toastify__toast--error')).toHaveCount(0);
});

test('the panel and a notification tell the end of a run; the model comes back into the notebook', async ({
  lab,
  server
}) => {
  const gate = new Gate(server, 'notified', 3);
  gate.allow(1);
  const last = await prepared(lab, 'notified.ipynb', [
    LOAD,
    DATA,
    PARAMETERS,
    kerasCell({ top: '%%dsp train --name notified -o model', epochs: 3, gate }),
    { source: 'print(type(model).__name__, model.count_params())' }
  ]);
  await lab.openPanel();
  const id = await runId(card(lab, 'notified'));
  const row = lab.section('Runs').getByRole('listitem').filter({ hasText: 'notified' });
  await expect(row).toContainText('epoch 2 of 3', { timeout: 90_000 });
  await expect(row.getByRole('progressbar')).toBeVisible();
  gate.allow();
  await expect(lab.toast('notified is trained: version 1 is stored.')).toBeVisible({ timeout: 90_000 });
  await expect(row.getByRole('img', { name: 'succeeded' })).toBeVisible();
  await expect(row).toContainText('stored as v1');
  await expect(lab.section('Models')).toContainText('notified');
  await finalRun(lab, id);
  await lab.runCell(last);
  await expect(lab.output(last)).toContainText('Sequential 1210');
});

test('a run is stopped from its card', async ({ lab, server }) => {
  const gate = new Gate(server, 'stopped', 5);
  gate.allow(1);
  const last = await prepared(lab, 'stopped.ipynb', [
    LOAD,
    DATA,
    PARAMETERS,
    kerasCell({ top: '%%dsp train --name stopped', epochs: 5, gate })
  ]);
  await lab.runCell(last);
  const live = card(lab, 'stopped');
  const id = await runId(live);
  await expect(live).toContainText('epoch 2 of 5', { timeout: 90_000 });
  await live.getByRole('button', { name: 'Stop' }).click();
  await expect(lab.dialog).toContainText('What it has logged stays');
  await lab.dialog.getByRole('button', { name: 'Stop' }).click();
  const run = await finalRun(lab, id);
  expect(run.state).toBe('stopped');
  expect(run.stored).toBeNull();
  await expect(live.getByRole('img', { name: 'stopped' })).toBeVisible();
  await expect(live).not.toContainText('succeeded');
  await expect(live.getByRole('button', { name: 'Run again' })).toBeVisible();
  // what it had logged is still there
  await expect(live.getByRole('img', { name: 'loss', exact: true })).toBeVisible();
  await lab.picture('card-stopped');
});

test('a failing cell shows its own lines of the traceback and no others', async ({ lab }) => {
  const last = await prepared(lab, 'failing.ipynb', [
    LOAD,
    DATA,
    { source: 'def shape(values, rows):\n    return values.reshape(rows, -1)' },
    { source: '%%dsp train --name failing\nrows = 7\nshaped = shape(x, rows)' }
  ]);
  await lab.runCell(last);
  const live = card(lab, 'failing');
  const run = await finalRun(lab, await runId(live));
  expect(run.state).toBe('failed');
  const problem = live.getByRole('alert');
  await expect(problem).toContainText('cannot reshape array', { timeout: 60_000 });
  await expect(problem).toContainText(/[Cc]ell 3, line 2/);
  await expect(problem).toContainText('shaped = shape(x, rows)');
  await expect(problem).toContainText('return values.reshape(rows, -1)');
  await expect(problem).not.toContainText(/site-packages|jupyterlab_dsp|runpy|exec\(/);
  await expect(lab.toast('failing did not succeed')).toBeVisible();
  await lab.picture('card-failed');
  await expectAccessible(live);
});

test('a run that takes too much memory is told with both figures', async ({ lab }) => {
  const last = await prepared(lab, 'hungry.ipynb', [
    LOAD,
    {
      source: [
        '%%dsp train --name hungry --memory 400MB --no-store',
        'import time',
        'held = []',
        'while True:',
        '    held.append(bytearray(b"x" * 20_000_000))',
        '    time.sleep(0.02)'
      ].join('\n')
    }
  ]);
  await lab.runCell(last);
  const live = card(lab, 'hungry');
  const run = await finalRun(lab, await runId(live));
  expect(run.state).toBe('killed');
  await expect(live.getByRole('alert')).toContainText(/[Kk]illed at [\d.]+ of 0\.40 GB/, { timeout: 60_000 });
  await expect(live.getByRole('alert')).toContainText('batch_size');
  await lab.picture('card-killed-for-memory');
});

test('a mistake in the magic is one line, and nothing runs', async ({ lab }) => {
  const last = await prepared(lab, 'mistake.ipynb', [
    LOAD,
    { source: 'units = 16' },
    { source: '%%dsp train --name mistake -p unit=32\nprint(units)' }
  ]);
  await lab.runCell(last);
  await expect(lab.output(last)).toContainText("'unit'");
  await expect(lab.output(last)).toContainText('units');
  await expect(lab.output(last)).not.toContainText(/site-packages|Traceback/);
  await expect(card(lab, 'mistake')).toHaveCount(0);
});

test.describe('runs that have ended', () => {
  let ids: string[] = [];

  test.beforeAll(async ({ server }) => {
    test.setTimeout(300_000);
    ids = (await server.seed<{ runs: string[] }>('runs', 'wide')).runs;
  });

  test('the page of a run has all that was logged, and runs it again', async ({ lab, page }) => {
    await lab.open();
    await lab.openPanel();
    await lab
      .section('Runs')
      .getByTitle(new RegExp(`Open run ${ids[1]}`))
      .click();
    const run = lab.main;
    await expect(run.getByRole('heading', { name: 'wide', level: 2 })).toBeVisible();
    for (const title of [
      'Metrics',
      'Parameters',
      'Optimizer and fit',
      'Resources',
      'Data',
      'Where it comes from'
    ]) {
      await expect(run.getByRole('heading', { name: title })).toBeVisible();
    }
    const fact = (name: string) => run.locator(`dt:text-is("${name}") + dd`);
    await expect(fact('units')).toHaveText('64');
    await expect(fact('lr')).toHaveText('0.003');
    await expect(fact('val_accuracy')).toHaveText(/^0\.\d+$/);
    await expect(fact('peak memory')).toHaveText(/ (MB|GB)$/);
    await expect(
      run.getByRole('img', { name: 'loss', exact: true }).locator('canvas, svg').first()
    ).toBeVisible();
    await expect(run.getByLabel('Output of the run')).toContainText('Epoch 4/4');
    await run.getByText('Code, as it ran').click();
    await expect(run.getByText('keras.layers.Dense(units, activation="relu")')).toBeVisible();
    await run.getByText('Model summary').click();
    await lab.picture('run-page');
    await expectAccessible(run);

    await run.getByRole('button', { name: 'Run again' }).click();
    const text = lab.dialog.getByRole('textbox');
    await expect(text).toHaveValue(/units=64/);
    await text.fill(
      (await text.inputValue()).replace('units=64', 'units=24').replace('epochs=4', 'epochs=1')
    );
    await page.keyboard.press('Enter');
    await expect(run.getByText(`repeats ${ids[1]}`)).toBeVisible();
    await expect(fact('units')).toHaveText('24');
    await expect(run).toContainText('succeeded', { timeout: 120_000 });
  });

  test('runs are filtered and compared: differences, curves, code by cell', async ({ lab }) => {
    await lab.open();
    await lab.openPanel();
    const runs = lab.section('Runs');
    const box = runs.getByRole('searchbox', { name: 'Filter runs' });
    await box.fill('name = wide and units = 64');
    await expect(runs.getByRole('listitem')).toHaveCount(2);
    await box.fill('name = wide and unitz >');
    await expect(runs.getByRole('alert')).toBeVisible();
    await box.fill('name = wide and epochs = 4');
    await expect(runs.getByRole('listitem')).toHaveCount(3);
    for (const id of ids) {
      await runs.getByRole('checkbox', { name: `Compare run ${id}` }).check();
    }
    await runs.getByRole('button', { name: 'Compare (3)' }).click();
    const page = lab.main;
    const table = page.getByRole('table');
    await expect(table.locator('thead').getByRole('columnheader')).toHaveCount(4);
    await expect(table.getByRole('row', { name: /^units/ })).toContainText('16');
    await expect(table.getByRole('rowheader', { name: 'epochs', exact: true })).toHaveCount(0);
    await expect(table.getByRole('row', { name: /^val_accuracy/ })).toContainText('best');
    await expect(
      page.getByRole('img', { name: 'loss', exact: true }).locator('canvas, svg').first()
    ).toBeVisible();
    await expect(page.getByRole('img', { name: /^Parameters and metrics|^Parallel/ })).toBeVisible();
    await expect(page.getByText('keras.layers.Dropout(0.3)')).toBeVisible();
    await lab.picture('compare-runs');
    await expectAccessible(page);
    await lab.dark();
    await lab.picture('compare-runs-dark');
    await expectAccessible(page);
    await lab.dark(false);
  });
});
