import { age, bytes, duration } from '../format';

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
