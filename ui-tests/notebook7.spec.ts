import { expectAccessible } from './accessible';
import { DATA, Gate, kerasCell, LOAD } from './gate';
import { expect, test } from './lab';

test.use({ home: 'notebook7' });

test('the card is live in Notebook 7, too, and after a reload', async ({ lab, server }) => {
  const gate = new Gate(server, 'seven', 4);
  gate.allow(1);
  const path = server.writeNotebook('seven.ipynb', [
    LOAD,
    DATA,
    { source: 'units = 16\nlr = 1e-2' },
    kerasCell({ top: '%%dsp train --name seven', epochs: 4, gate })
  ]);
  await lab.openInNotebook7(path);
  for (let index = 0; index < 4; index += 1) {
    await lab.runCell(index);
  }
  const card = lab.page.getByRole('article', { name: /^Run [0-9a-f]{12} of seven$/ });
  await expect(card).toContainText('epoch 2 of 4', { timeout: 120_000 });
  await expect(card.getByRole('progressbar')).toBeVisible();
  await lab.save();
  await lab.reload();
  await expect(card).toContainText('epoch 2 of 4', { timeout: 60_000 });
  gate.allow();
  await expect(card).toContainText('succeeded', { timeout: 120_000 });
  await expect(
    card.getByRole('img', { name: 'loss', exact: true }).locator('canvas, svg').first()
  ).toBeVisible();
  await lab.picture('notebook7');
  await expectAccessible(card);
  await card.getByRole('button', { name: 'Open' }).click();
  await expect(lab.page.getByRole('heading', { name: 'Where it comes from' })).toBeVisible();
  await lab.picture('notebook7-run');
});
