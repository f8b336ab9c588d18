import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from '@playwright/test';
import { expectAccessible } from './accessible';
import { DATA, kerasCell, LOAD } from './gate';
import { expect, type Lab, test } from './lab';

test.use({ home: 'export' });

const NOTEBOOK = 'digits.ipynb';
const KERAS = 6;
const EPOCHS = 2;

interface ISpecs {
  items: {
    name: string;
    version: number;
    message: string;
    commit: string;
    cell_count: number;
    proof: string;
  }[];
}

test.beforeAll(({ server }) => {
  writeFileSync(join(server.work, 'shaping.py'), 'def scaled(values, by):\n    return values / by\n');
  server.writeNotebook(NOTEBOOK, [
    LOAD,
    DATA,
    { source: '# only for the eyes\nprint(x.shape)' },
    { source: 'units = 16\nlr = 1e-2' },
    { type: 'markdown', source: '## The model' },
    { source: 'from shaping import scaled\nx = scaled(x, 1.5)' },
    kerasCell({ epochs: EPOCHS })
  ]);
});

const cells = (lab: Lab): Locator => lab.dialog.getByRole('listitem');
const tick = (lab: Lab, title: string | RegExp): Locator =>
  lab.dialog.getByRole('checkbox', { name: title }).first();
/** The button that ends the dialog: what it does stands on it. */
const ok = (lab: Lab, text: string | RegExp): Locator =>
  lab.dialog.getByRole('button', { name: /^(Export|Store)/ }).filter({ hasText: text });

const specs = async (lab: Lab): Promise<ISpecs['items']> =>
  (await lab.server.get<ISpecs>('model/specs?name=digits')).items;

async function opened(lab: Lab): Promise<void> {
  await lab.open();
  await lab.openNotebook(NOTEBOOK);
}

/** A first version to differ from, as the first test makes it. */
async function exported(lab: Lab): Promise<void> {
  if ((await specs(lab)).length === 0) {
    await exportDialog(lab);
    await ok(lab, 'Export version 1').click();
    await expect(lab.toast('digits version 1 is exported')).toBeVisible({ timeout: 60_000 });
  }
}

/** The dialog from the notebook's toolbar, for the model "digits". */
async function exportDialog(lab: Lab): Promise<void> {
  await lab.notebook
    .getByRole('toolbar')
    .getByRole('button', { name: /^Export the model/ })
    .click();
  await lab.dialog.getByRole('textbox', { name: 'Name' }).fill('digits');
}

async function edit(lab: Lab, index: number, change: (source: string) => string): Promise<void> {
  const source = await lab.page.evaluate(
    index => window.jupyterapp!.shell.currentWidget!.content.widgets[index]!.model.sharedModel.getSource(),
    index
  );
  await lab.page.evaluate(
    ([index, text]) =>
      window.jupyterapp!.shell.currentWidget!.content.widgets[index]!.model.sharedModel.setSource(text),
    [index, change(source)] as const
  );
}

test('File > Save and Export Notebook As: the dialog knows cells, parameters and files', async ({
  lab,
  server
}) => {
  await opened(lab);
  await lab.runAllCells(180_000);
  await lab.menu('File', 'Save and Export Notebook As', 'Model to the Versioned Store');
  await expect(lab.dialog).toContainText('Export to the versioned store');
  await lab.dialog.getByRole('textbox', { name: 'Name' }).fill('digits');
  await expect(lab.dialog).toContainText('This is the first version');
  await expect(tick(lab, /load_digits|digits =/)).toBeChecked();
  await expect(tick(lab, /units = 16/)).toBeChecked();
  await expect(tick(lab, /keras/)).toBeChecked();
  // what is not needed is out of the way, and can be looked at
  await lab.dialog.getByText('2 other cells').click();
  const others = lab.dialog.getByRole('group').getByRole('checkbox');
  await expect(others).toHaveCount(2);
  for (const other of await others.all()) {
    await expect(other).not.toBeChecked();
  }
  await expect(lab.dialog).toContainText('units = 16');
  await expect(lab.dialog).toContainText('lr = 0.01');
  await expect(tick(lab, /shaping\.py/)).toBeChecked();
  await expect(lab.dialog).toContainText(/environment: [1-9]\d* packages/);
  // a magic that does the same
  await expect(lab.dialog.locator('code', { hasText: '%dsp export digits' })).toBeVisible();
  await lab.dialog.getByRole('textbox', { name: 'Message' }).fill('one hidden layer');
  await lab.picture('export-first');
  await expectAccessible(lab.dialog.locator('.jp-Dialog-content'));
  await ok(lab, 'Export version 1').click();
  await expect(lab.toast('digits version 1 is exported')).toBeVisible({ timeout: 60_000 });
  const [spec] = await specs(lab);
  expect(spec).toMatchObject({ name: 'digits', version: 1, message: 'one hidden layer', cell_count: 4 });
  const whole = await server.get<{ module: string }>('model/specs/digits/versions/1');
  expect(whole.module).toContain('keras.layers.Dense(units, activation="relu")');
  expect(whole.module).not.toContain('only for the eyes');
  expect(whole.module).not.toContain('%load_ext');
});

test('from the toolbar after an edit: the dialog says what changes, and the proof runs it first', async ({
  lab,
  page
}) => {
  await opened(lab);
  await exported(lab);
  await edit(lab, KERAS, source =>
    source.replace('activation="relu"),', 'activation="relu"),\n    keras.layers.Dropout(0.25),')
  );
  await edit(lab, 3, source => source.replace('units = 16', 'units = 24'));
  await exportDialog(lab);
  const changes = lab.dialog.locator('.jp-DspModel-changes');
  await expect(changes).toContainText('What changes from version 1');
  await expect(changes.locator('li', { hasText: 'Dropout' })).toBeVisible();
  await expect(changes.locator('li', { hasText: 'units' })).toContainText('24');
  await expect(changes.getByText('keras.layers.Dropout(0.25)')).toBeVisible();
  await lab.dialog.getByRole('textbox', { name: 'Message' }).fill('with dropout');
  await lab.picture('export-diff');
  await expectAccessible(lab.dialog.locator('.jp-Dialog-content'));
  await lab.dialog.getByRole('checkbox', { name: /^Prove it first/ }).check();
  await ok(lab, 'Export version 2').click();
  await expect(lab.toast('The cells run in a fresh process now')).toBeVisible({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Watch' }).click();
  await expect(lab.main).toContainText('succeeded', { timeout: 120_000 });
  await expect
    .poll(async () => (await specs(lab))[0])
    .toMatchObject({ version: 2, proof: 'passed', message: 'with dropout' });
});

test('cells that do not run, or depend on what is no longer there, are told before anything is exported', async ({
  lab,
  page
}) => {
  await opened(lab);
  await lab.runCell(0);
  await lab.runCell(1);
  // `bonus` lives in the kernel only: its cell was changed after it was run
  await edit(lab, 2, () => 'bonus = 0.5');
  await lab.runCell(2);
  await edit(lab, 2, () => 'print("nothing here any more")');
  await edit(lab, 5, source => `${source} + bonus`);
  await edit(lab, 3, source => `${source}\nepochs = 3`);
  await lab.runCell(3);
  await edit(lab, 3, source => source.replace('epochs = 3', 'epochs = 4'));
  const before = await specs(lab);
  await lab.palette('export model');
  await lab.paletteItem('Export Model to the Versioned Store…').click();
  await expect(lab.dialog.getByRole('alert').filter({ hasText: "'bonus'" })).toContainText(
    'exists in the kernel only'
  );
  await expect(cells(lab).filter({ hasText: 'units = 16' })).toContainText('was edited after it was run');
  await expect(ok(lab, /^Export/)).toBeDisabled();
  await lab.picture('export-hidden-state');
  // a name that cannot be one is told, too
  await lab.dialog.getByRole('textbox', { name: 'Name' }).fill('../digits');
  await expect(lab.dialog.getByRole('alert').first()).toBeVisible();
  await expect(ok(lab, /^Export/)).toBeDisabled();
  await page.keyboard.press('Escape');
  await expect(lab.dialog).toHaveCount(0);
  expect(await specs(lab)).toEqual(before);
});

test('cells are ticked by hand, and a missing one is named', async ({ lab }) => {
  await opened(lab);
  await exportDialog(lab);
  await tick(lab, /units = /).click();
  await expect(lab.dialog.getByRole('alert').filter({ hasText: 'units' })).toContainText('not ticked');
  await expect(ok(lab, /^Export/)).toBeDisabled();
  await lab.dialog.getByRole('button', { name: 'as the data flow says' }).click();
  await expect(tick(lab, /units = /)).toBeChecked();
  await expect(ok(lab, /^Export version/)).toBeEnabled();
  await lab.page.keyboard.press('Escape');
  await expect(lab.dialog).toHaveCount(0);
});

test('a trained model of the kernel becomes a version that the panel shows', async ({ lab }) => {
  await opened(lab);
  await lab.runAllCells(180_000);
  await lab.openPanel();
  await lab.section('Models').getByRole('button', { name: 'Export…' }).click();
  await lab.dialog.getByRole('tab', { name: /trained model from this kernel \(1\)/ }).click();
  await expect(lab.dialog.getByRole('radio', { name: /model.*Sequential/ })).toBeChecked();
  await lab.dialog.getByRole('textbox', { name: 'Name' }).fill('from-kernel');
  await lab.dialog.getByRole('textbox', { name: 'Message' }).fill('as it was in the kernel');
  await lab.picture('export-trained');
  await ok(lab, 'Store model').click();
  await expect(lab.toast('from-kernel version 1 is stored.')).toBeVisible({ timeout: 90_000 });
  await expect(lab.section('Models')).toContainText('from-kernel');
  await lab.section('Models').getByTitle('Open from-kernel', { exact: true }).click();
  const detail = lab.main.getByRole('complementary', { name: 'Selected version' });
  await expect(detail).toContainText('as it was in the kernel');
  await expect(detail.getByRole('button', { name: 'model.weights.h5' })).toBeVisible();

  // and goes back into a notebook
  await lab.main.getByRole('button', { name: 'Load in notebook' }).click();
  await expect(lab.notebook.locator('.jp-Cell.jp-mod-active')).toContainText('dsp.load("from-kernel@1")');
});
