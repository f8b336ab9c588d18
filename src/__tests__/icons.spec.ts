import { dspIcon } from '../icons';

test('the icon takes its colour from the theme', () => {
  const svg = dspIcon.element({ tag: 'span' }).querySelector('svg');
  expect(svg).not.toBeNull();
  expect(svg!.outerHTML).not.toMatch(/(fill|stroke)="#/);
});
