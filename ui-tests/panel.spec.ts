import type { Locator, Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { expect, type Lab, test } from './lab';

test.use({ home: 'panel' });
const COUNT = 10_000;

test.beforeAll(async ({ server }) => {
  test.setTimeout(300_000);
  await server.seed('versions', 'digits', String(COUNT));
});

const grid = (lab: Lab): Locator => lab.main.getByRole('grid', { name: 'Versions' });

/** Rows of the versions table that are drawn; the first row is the head. */
const rows = (lab: Lab): Locator => grid(lab).locator('.jp-DspModel-tableRow');

async function opened(lab: Lab): Promise<void> {
  await lab.open();
  await lab.openModel('digits');
  await expect(rows(lab).first()).toBeVisible();
}

/** What stands in a column, row by row. */
async function column(lab: Lab, title: string): Promise<string[]> {
  const heads = await grid(lab).getByRole('columnheader').allInnerTexts();
  const index = heads.findIndex(head => head.replace(/[▴▾]/g, '').trim() === title);
  expect(index, `column ${title} among ${heads.join(', ')}`).toBeGreaterThanOrEqual(0);
  return rows(lab).evaluateAll(
    (rows, index) => rows.map(row => row.querySelectorAll('[role=gridcell]')[index]?.textContent ?? ''),
    index
  );
}

async function filter(lab: Lab, text: string): Promise<void> {
  await lab.main.getByRole('searchbox', { name: 'Filter versions' }).fill(text);
}

async function choose(lab: Lab, version: number): Promise<void> {
  await rows(lab).getByText(`v${version}`, { exact: true }).click();
  await expect(lab.main.getByRole('heading', { name: `digits version ${version}` })).toBeVisible();
}

async function scrollToEnd(page: Page, lab: Lab): Promise<void> {
  await grid(lab).evaluate(node => node.scrollTo(0, node.scrollHeight));
  await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
}

test('10 000 versions: the panel shows the newest, the page scrolls through pages', async ({ lab, page }) => {
  await lab.open();
  await lab.openPanel();
  const models = lab.section('Models');
  await expect(models).toContainText('digits');
  await expect(models).toContainText(/10,?000 versions/);
  await expect(models).toContainText('v10000');
  await models.getByTitle('Open version 9999').click();
  await expect(lab.main.getByRole('heading', { name: 'digits version 9999' })).toBeVisible();

  await expect(lab.main).toContainText('10,000 of 10,000 versions');
  await expect(rows(lab).first()).toContainText('v10000');
  // drawn is what is seen and a little more, whatever has been read
  let oldest = COUNT;
  for (let pages = 0; pages < 4; pages += 1) {
    const before = oldest;
    await scrollToEnd(page, lab);
    await expect
      .poll(async () => {
        oldest = Math.min(...(await column(lab, 'version')).map(text => Number(text.slice(1))));
        return oldest;
      })
      .toBeLessThan(before - 50);
    expect(await rows(lab).count()).toBeLessThan(120);
  }
  await lab.picture('model-page');
});

test('versions are sorted by the server', async ({ lab, page }) => {
  await opened(lab);
  await grid(lab)
    .getByRole('button', { name: /^version/ })
    .click();
  await expect(rows(lab).first()).toContainText('v1');
  await expect(grid(lab).getByRole('columnheader', { name: /^version/ })).toHaveAttribute(
    'aria-sort',
    'ascending'
  );

  await grid(lab)
    .getByRole('button', { name: /^val_accuracy/ })
    .click();
  await expect(grid(lab).getByRole('columnheader', { name: /^val_accuracy/ })).toHaveAttribute(
    'aria-sort',
    'descending'
  );
  const sorted = async () => {
    const numbers = (await column(lab, 'val_accuracy')).map(Number);
    return (
      numbers.length > 10 && numbers.every((number, index) => index === 0 || numbers[index - 1]! >= number)
    );
  };
  await expect.poll(sorted).toBe(true);
  await scrollToEnd(page, lab);
  await expect.poll(async () => (await rows(lab).first().getAttribute('aria-rowindex')) !== '1').toBe(true);
  await expect.poll(sorted).toBe(true);
});

test('versions are filtered by metrics, parameters and tags; a wrong filter is explained', async ({
  lab,
  page
}) => {
  await opened(lab);
  await filter(lab, 'units = 64 and tags.stage = nightly and val_accuracy > 0.98');
  await expect(lab.main).not.toContainText('10,000 of 10,000');
  await expect(lab.main).toContainText(/[1-9]\d* of 10,000 versions/);
  expect(new Set((await column(lab, 'parameters')).map(text => /units (\d+)/.exec(text)?.[1]))).toEqual(
    new Set(['64'])
  );
  for (const accuracy of await column(lab, 'val_accuracy')) {
    expect(Number(accuracy)).toBeGreaterThanOrEqual(0.98);
  }

  await filter(lab, 'val_accuracy >');
  const problem = lab.main.getByRole('alert');
  await expect(problem).toBeVisible();
  await expect(problem).not.toContainText(/Traceback|Error:|HTTP/);
  await expect(lab.main.getByRole('searchbox', { name: 'Filter versions' })).toHaveAttribute(
    'aria-invalid',
    'true'
  );

  await filter(lab, 'val_accuracy > 2');
  await expect(lab.main).toContainText('No version matches.');
  await page.keyboard.press('Escape');
  await expect(lab.main).toContainText('10,000 of 10,000 versions');
});

test('a version is promoted, and the alias moves', async ({ lab, page }) => {
  await opened(lab);
  await choose(lab, 9998);
  await lab.main.getByRole('button', { name: 'Promote…' }).click();
  await lab.dialog.locator('input').first().fill('production');
  await lab.dialog.getByRole('button', { name: 'Promote' }).click();
  await expect(lab.toast('digits@production is now version 9998')).toBeVisible();
  await expect(lab.main.getByText('production: v9998')).toBeVisible();
  await expect(rows(lab).filter({ hasText: 'v9998' })).toContainText('production');
  await expect(lab.section('Models').getByTitle('Open version 9998')).toContainText('production');

  await choose(lab, 9997);
  await lab.main.getByRole('button', { name: 'Promote…' }).click();
  await lab.dialog.locator('input').first().fill('production');
  await page.keyboard.press('Enter');
  await expect(lab.toast('digits@production moved from version 9998 to 9997')).toBeVisible();
  await expect(lab.main.getByText('production: v9997')).toBeVisible();

  // what an alias points at is not deleted by accident
  await lab.main.getByRole('button', { name: 'Delete…' }).click();
  await lab.dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(lab.toast('The version digits@9997')).toContainText('production');
  await expect(rows(lab).filter({ hasText: 'v9997' })).toBeVisible();
});

test('a version goes to the trash, comes back, and is purged with its bytes told', async ({
  lab,
  server
}) => {
  await opened(lab);
  const remove = async (version: number) => {
    await choose(lab, version);
    await lab.main.getByRole('button', { name: 'Delete…' }).click();
    await lab.dialog.getByRole('button', { name: 'Delete' }).click();
    await expect(rows(lab).filter({ hasText: `v${version}` })).toHaveCount(0);
  };
  const trash = lab.main.getByRole('checkbox', { name: 'Trash' });
  await remove(10_000);
  await trash.check();
  await expect(rows(lab)).toHaveCount(1);
  await choose(lab, 10_000);
  await lab.main.getByRole('button', { name: 'Restore' }).click();
  await expect(lab.main).toContainText('The trash is empty.');
  await trash.uncheck();
  await expect(rows(lab).first()).toContainText('v10000');

  await remove(10_000);
  await trash.check();
  const before = await server.seed<{ bytes: number }>('blobs');
  await lab.main.getByRole('button', { name: 'Purge the trash…' }).click();
  await expect(lab.dialog).toContainText(/1 version/);
  await expect(lab.dialog).toContainText(/10\d kB/);
  await lab.picture('purge');
  await lab.dialog.getByRole('button', { name: 'Purge' }).click();
  await expect(lab.toast(/10\d kB freed/)).toBeVisible();
  const after = await server.seed<{ bytes: number }>('blobs');
  expect(before.bytes - after.bytes).toBeGreaterThanOrEqual(100_000);
  expect(before.bytes - after.bytes).toBeLessThan(110_000);
  await trash.uncheck();
  await expect(rows(lab).first()).toContainText('v9999');
});

test('two versions are compared: what differs, nothing else', async ({ lab }) => {
  await opened(lab);
  await grid(lab).getByRole('checkbox', { name: 'Compare version 9999' }).check();
  const compare = lab.main.getByRole('button', { name: /^Compare \(/ });
  await expect(compare).toBeDisabled();
  await grid(lab).getByRole('checkbox', { name: 'Compare version 9996' }).check();
  await compare.click();
  const table = lab.main.getByRole('table');
  await expect(table.getByRole('rowheader', { name: 'units' })).toBeVisible();
  await expect(table.getByRole('rowheader', { name: 'val_accuracy' })).toBeVisible();
  // epochs is 3 in both
  await expect(table.getByRole('rowheader', { name: 'epochs' })).toHaveCount(0);
  await expect(lab.main).toContainText(/equal fields? hidden/);
  await lab.picture('compare-versions');
  await expectAccessible(lab.main);
});

test('the versions table is driven by keyboard', async ({ lab, page }) => {
  await opened(lab);
  const newest = Number((await column(lab, 'version'))[0]!.slice(1));
  const selected = rows(lab).and(page.locator('[aria-selected=true]'));
  await grid(lab).focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await expect(selected).toContainText(`v${newest - 2}`);
  await page.keyboard.press(' ');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press(' ');
  await expect(lab.main.getByRole('button', { name: 'Compare (2)' })).toBeEnabled();
  for (let press = 0; press < 60; press += 1) {
    await page.keyboard.press('ArrowDown');
  }
  await expect(selected).toContainText(`v${newest - 61}`);
  await expect(selected).toBeInViewport();
});

test('pages come back with the layout', async ({ lab }) => {
  await opened(lab);
  await expect(lab.main).toContainText('of 10,000 versions');
  await lab.layoutSaved(/"dock":\{[^}]*dsp-model-digits/);
  await lab.reload();
  await expect(lab.main.getByRole('heading', { name: 'digits', level: 2 })).toBeVisible();
  await expect(rows(lab).first()).toBeVisible();
  await expect(lab.panel).toBeVisible();
});

test('panel and page are readable in light and dark', async ({ lab }) => {
  await opened(lab);
  await choose(lab, 9996);
  await expectAccessible(lab.panel);
  await expectAccessible(lab.main);
  await lab.dark();
  await expect(lab.main.locator('canvas, svg').first()).toBeVisible();
  await lab.picture('model-page-dark');
  await expectAccessible(lab.panel);
  await expectAccessible(lab.main);
  await lab.dark(false);
});
