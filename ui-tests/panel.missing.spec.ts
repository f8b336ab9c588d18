import { expectAccessible } from './accessible';
import { expect, test } from './lab';

test.use({
  home: 'missing',
  options: ['--ServerApp.jpserver_extensions={"jupyterlab_dsp_server": False}']
});

test('without the server half the panel says what to install', async ({ lab, page }) => {
  await lab.open();
  await lab.openPanel();
  const problem = lab.panel.getByRole('alert');
  await expect(problem).toHaveCount(1);
  await expect(problem).toContainText('server half');
  await expect(problem).toContainText('pip install "jupyterlab-dsp[lab]"');
  await expect(problem.getByRole('button', { name: 'Try again' })).toBeVisible();
  // one place says it: nothing pops up besides
  await expect(page.locator('.Toastify__toast')).toHaveCount(0);
  await lab.picture('panel-server-missing');
  await expectAccessible(lab.panel);
});

test('a notebook works without the server half', async ({ lab, server }) => {
  const path = server.writeNotebook('plain.ipynb', [{ source: 'print(6 * 7)' }]);
  await lab.open();
  await lab.openNotebook(path);
  await lab.runCell(0);
  await expect(lab.output(0)).toContainText('42');
});
