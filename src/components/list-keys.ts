import * as React from 'react';

const ROW = '[data-dsp-row]';
const FOCUSABLE = 'button, input';

/**
 * Keys of a list: up and down, Home and End go from row to row; Tab leaves the list (only the parts of one row are
 * on its way). Left and right close and open a row that has a button with `aria-expanded`.
 *
 * A row is an element with `data-dsp-row`; the button in it with `data-dsp-main` takes the focus.
 */
export function useListKeys<T extends HTMLElement>(): {
  ref: React.RefObject<T>;
  onKeyDown: (event: React.KeyboardEvent<T>) => void;
  onFocus: (event: React.FocusEvent<T>) => void;
} {
  const ref = React.useRef<T>(null);
  const current = React.useRef<Element | null>(null);

  // rows come and go with each render: one of them is always in the tab order
  React.useLayoutEffect(() => {
    if (ref.current) {
      const rows = rowsOf(ref.current);
      if (!current.current || !rows.includes(current.current)) {
        current.current = rows[0] ?? null;
      }
      markTabStops(rows, current.current);
    }
  });

  const onFocus = (event: React.FocusEvent<T>) => {
    const row = event.target.closest(ROW);
    if (row && row !== current.current && ref.current) {
      current.current = row;
      markTabStops(rowsOf(ref.current), row);
    }
  };

  const onKeyDown = (event: React.KeyboardEvent<T>) => {
    const row = (event.target as Element).closest(ROW);
    if (!row || !ref.current || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const rows = rowsOf(ref.current);
    const at = rows.indexOf(row);
    const last = rows.length - 1;
    const to = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[
      event.key
    ];
    if (to !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      rows[to]?.querySelector<HTMLElement>('[data-dsp-main]')?.focus();
      return;
    }
    const opener = row.querySelector<HTMLElement>('[aria-expanded]');
    const wanted = { ArrowRight: 'false', ArrowLeft: 'true' }[event.key];
    if (opener && wanted === opener.getAttribute('aria-expanded')) {
      event.preventDefault();
      opener.click();
    }
  };

  return { ref, onKeyDown, onFocus };
}

function rowsOf(list: HTMLElement): Element[] {
  return [...list.querySelectorAll(ROW)];
}

function markTabStops(rows: Element[], current: Element | null): void {
  for (const row of rows) {
    for (const part of row.querySelectorAll<HTMLElement>(FOCUSABLE)) {
      part.tabIndex = row === current ? 0 : -1;
    }
  }
}
