import { expect, test } from './lab';

test.use({ home: 'tour' });

test('the tour runs from the first cell to the last, and the panel has what it made', async ({
  lab,
  server
}) => {
  test.setTimeout(400_000);
  const path = server.copy('examples/tour.ipynb');
  await lab.open();
  await lab.openPanel();
  await lab.openNotebook(path);
  await lab.runAllCells(300_000);
  const errors = await lab.page.evaluate(() =>
    window
      .jupyterapp!.shell.currentWidget!.content.widgets.map(cell =>
        JSON.stringify(cell.model.toJSON().outputs ?? [])
      )
      .filter(outputs => outputs.includes('"output_type":"error"'))
  );
  expect(errors).toEqual([]);
  const models = lab.section('Models');
  await expect(models).toContainText('digits');
  await expect(models.getByTitle('Open version 2')).toContainText('production');
  await expect(models.getByTitle('Open version 1')).toBeVisible();
  await expect(lab.section('Runs').getByRole('img', { name: 'succeeded' })).toHaveCount(2);
  const outputs = await lab.page.evaluate(() =>
    JSON.stringify(
      window.jupyterapp!.shell.currentWidget!.content.widgets.map(cell => cell.model.toJSON().outputs ?? [])
    )
  );
  expect(Number(/that no run has seen: (0\.\d+)/.exec(outputs)?.[1])).toBeGreaterThan(0.9);
  await lab.picture('tour');
});
