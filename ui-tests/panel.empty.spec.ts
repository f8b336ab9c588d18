import { expectAccessible } from './accessible';
import { expect, test } from './lab';

test.use({ home: 'empty' });

test('an empty platform says in one sentence how to fill it', async ({ lab, page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await lab.open();
  await lab.openPanel();
  const runs = lab.section('Runs');
  await expect(runs).toContainText('%%dsp train --name my-model');
  await expect(lab.section('Models')).toContainText('dsp.save(model');
  await runs.getByRole('button', { name: /^Copy %%dsp train/ }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^%%dsp train --name my-model/);
  await lab.picture('panel-empty');
  await expectAccessible(lab.panel);
  await lab.dark();
  await expectAccessible(lab.panel);
  await lab.dark(false);
});

test('sections fold by keyboard and stay folded', async ({ lab, page }) => {
  await lab.open();
  await lab.openPanel();
  const title = lab.section('Runs').getByRole('button', { name: /^Runs/ });
  await title.focus();
  await page.keyboard.press('Enter');
  await expect(title).toHaveAttribute('aria-expanded', 'false');
  await expect(lab.section('Runs')).not.toContainText('%%dsp train');
  await lab.layoutSaved(/"folded":\["train"\]/);
  await lab.reload();
  await expect(lab.panel).toBeVisible();
  await expect(title).toHaveAttribute('aria-expanded', 'false');
  await title.press(' ');
  await expect(lab.section('Runs')).toContainText('%%dsp train');
});

test('commands are in the palette', async ({ lab, page }) => {
  await lab.open();
  await lab.palette('data science platform');
  for (const name of ['Data Science Platform', 'Open a model…', 'Open a run']) {
    await expect(lab.paletteItem(name)).toBeVisible();
  }
  await lab.paletteItem('Data Science Platform').click();
  await expect(lab.panel).toBeVisible();
  // a model is asked for where there is none: a word, no empty dialog
  await lab.palette('open a model');
  await page.keyboard.press('Enter');
  await expect(lab.toast('There is no model yet')).toBeVisible();
});
