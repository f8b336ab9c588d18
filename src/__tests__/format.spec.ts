import { age, bytes, duration, headline, value } from '../format';

const NOW = Date.parse('2026-01-31T12:00:00Z');

test.each([
  ['2026-01-31T11:59:58Z', 'just now'],
  ['2026-01-31T11:59:30Z', '30 s ago'],
  ['2026-01-31T11:42:00Z', '18 min ago'],
  ['2026-01-31T09:00:00Z', '3 h ago'],
  ['2026-01-28T12:00:00Z', '3 d ago'],
  ['', ''],
  ['nonsense', '']
])('age of %s is %s', (iso, text) => {
  expect(age(iso, NOW)).toBe(text);
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [400_000, '400 kB'],
  [1_500_000, '1.5 MB']
])('%d bytes are %s', (size, text) => {
  expect(bytes(size)).toBe(text);
});

test.each([
  [1.25, '1.3 s'],
  [200, '3 min 20 s'],
  [3900, '1 h 5 min']
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test.each([
  [0.97123456, '0.9712'],
  [0.00012345, '1.23e-4'],
  [1e-7, '1e-7'],
  [4810, '4810'],
  [Number.NaN, 'NaN'],
  [null, '—'],
  [[64, 10], '[64,10]']
])('%j is shown as %s', (number, text) => {
  expect(value(number)).toBe(text);
});

test('the metric of a list row is the validation accuracy, else what there is', () => {
  expect(headline({ loss: 0.1, val_loss: 0.2, val_accuracy: 0.9 })).toEqual(['val_accuracy', 0.9]);
  expect(headline({ learning_rate: 0.1, rmse: 3 })).toEqual(['rmse', 3]);
  expect(headline({})).toBeNull();
});
