import { expect, test } from './lab';

test('the side panel opens from its tab', async ({ lab }) => {
  await lab.open();
  await expect(lab.panelTab).toHaveAttribute('title', /Data Science Platform/);
  await expect(lab.panelTab.locator('svg')).toBeVisible();
  const panel = await lab.openPanel();
  await expect(panel).toBeVisible();
  await expect(lab.page.locator('.jp-Notification-List, .Toastify__toast')).toHaveCount(0);
  if (process.env.DSP_SCREENSHOT) {
    await lab.page.screenshot({ path: process.env.DSP_SCREENSHOT });
  }
});

test('a cell runs in a real kernel', async ({ lab, server }) => {
  const path = server.writeNotebook('smoke.ipynb', [{ source: 'print(6 * 7)' }]);
  await lab.open();
  await lab.openNotebook(path);
  await lab.runCell(0);
  await expect(lab.output(0)).toContainText('42');
});
