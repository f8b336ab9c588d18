import { nullTranslator } from '@jupyterlab/translation';
import { changedParams } from '../train/changed-params';
import { curveSpec, families, metricFamily, metricSide } from '../train/curves';
import { needsContext } from '../train/kernel-context';
import { plain } from '../train/log-view';

const trans = nullTranslator.load('jupyterlab_dsp');

test('validation and training share a chart, losses come first, the learning rate last', () => {
  expect(metricFamily('val_loss')).toBe('loss');
  expect(metricSide('val_loss')).toBe('validation');
  expect(metricSide('test/auc')).toBe('test');
  expect(families(['learning_rate', 'val_auc', 'accuracy', 'val_loss', 'loss', 'val_accuracy'])).toEqual([
    'loss',
    'accuracy',
    'auc',
    'learning_rate'
  ]);
});

test('one run is coloured by side, several by run', () => {
  const series = { name: 'val_loss', unit: 'epoch' as const, x: [1, 2], y: [0.5, null] };
  const one = curveSpec('loss', [{ owner: '', series }], [''], trans);
  expect(one).toMatchObject({
    data: {
      values: [
        { x: 1, y: 0.5, side: 'validation' },
        { x: 2, y: null }
      ]
    },
    encoding: { color: { field: 'side' }, x: { title: 'epoch' } }
  });
  const two = curveSpec('loss', [{ owner: 'b', series }], ['a', 'b'], trans);
  // a run without this metric keeps its colour in the other charts
  expect(two).toMatchObject({ encoding: { color: { field: 'owner', scale: { domain: ['a', 'b'] } } } });
});

test('parameters of a retry: only what changed, read as Python or JSON writes it', () => {
  const old = { units: 64, lr: 0.001, name: 'a', flag: true, seed: null };
  expect(changedParams(old, 'units=64 lr=0.01 name=a flag=False seed=None')).toEqual({
    lr: 0.01,
    flag: false
  });
  expect(changedParams(old, 'name="two words" seed=7')).toEqual({ name: 'two words', seed: 7 });
  expect(changedParams(old, '')).toEqual({});
});

test('terminal output as text', () => {
  expect(plain('\u001b[1m12/12\u001b[0m done')).toBe('12/12 done');
  expect(plain('10%\r55%\r100%\nnext')).toBe('100%\nnext');
  expect(plain('windows\r\nline')).toBe('windows\r\nline');
  expect(plain('ab\u0008c')).toBe('ac');
});

test.each([
  ['%%dsp train --name a', true],
  ['import jupyterlab_dsp as dsp', true],
  ['%load_ext jupyterlab_dsp', false],
  ['%load_ext jupyterlab_dsp\n%dsp train list', true],
  ['print("hello")', false]
])('the kernel is told the notebook for %j: %s', (source, isNeeded) => {
  expect(needsContext(source)).toBe(isNeeded);
});
