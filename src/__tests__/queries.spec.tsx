import { Signal } from '@lumino/signaling';
import * as React from 'react';
import { createRoot, type Root } from 'react-dom/client';

import { DspError } from '../client';
import { touches, useQuery, type IQuery } from '../components/use-query';
import { useVersions } from '../model/versions-table';
import { DEFAULTS, type IPreferences } from '../preferences';
import type { IDsp, RecordChanged } from '../tokens';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

function fakeDsp(call: jest.Mock) {
  const owner = {} as IDsp;
  const changed = new Signal<IDsp, RecordChanged>(owner);
  const reconnected = new Signal<IDsp, void>(owner);
  const preferencesChanged = new Signal<IDsp, IPreferences>(owner);
  const dsp = {
    client: { call },
    changed,
    reconnected,
    preferences: DEFAULTS,
    preferencesRead: Promise.resolve(),
    preferencesChanged
  } as unknown as IDsp;
  const change = (key: string): RecordChanged => ({
    area: 'train',
    kind: 'run',
    scope: '',
    key,
    deleted: false
  });
  return { dsp, changed, change, reconnected };
}

let root: Root;
beforeEach(() => {
  jest.useFakeTimers();
  root = createRoot(document.createElement('div'));
});
afterEach(() => {
  React.act(() => root.unmount());
  jest.useRealTimers();
});

const settle = (ms: number) => React.act(async () => void (await jest.advanceTimersByTimeAsync(ms)));

function showQuery(dsp: IDsp, visible = true) {
  let last: IQuery<unknown> | null = null;
  function Probe(): null {
    last = useQuery(dsp, 'train.list', {}, { visible, on: change => touches(change, 'run', 'a') });
    return null;
  }
  React.act(() => root.render(<Probe />));
  return () => last!;
}

test('many changes at once are one question; other records and hidden views none', async () => {
  const call = jest.fn().mockResolvedValue({ items: [] });
  const { dsp, changed, change } = fakeDsp(call);
  showQuery(dsp);
  await settle(0);
  expect(call).toHaveBeenCalledTimes(1);
  for (let index = 0; index < 20; index += 1) {
    changed.emit(change('a'));
  }
  changed.emit(change('')); // many of its kind
  changed.emit(change('b'));
  await settle(1000);
  expect(call).toHaveBeenCalledTimes(2);
  showQuery(dsp, false);
  changed.emit(change('a'));
  await settle(1000);
  expect(call).toHaveBeenCalledTimes(2);
});

test('an unreachable server is asked again while the view is seen, and not after it is gone', async () => {
  const down = new DspError({ code: 'unreachable', message: 'No answer.', hint: null, details: {} }, 0);
  const call = jest
    .fn()
    .mockResolvedValueOnce({ items: [1] })
    .mockRejectedValue(down);
  const { dsp, reconnected } = fakeDsp(call);
  const query = showQuery(dsp);
  await settle(0);
  reconnected.emit();
  await settle(6100);
  const asked = call.mock.calls.length;
  expect(asked).toBeGreaterThanOrEqual(3);
  // the last good answer stays
  expect(query().data).toEqual({ items: [1] });
  expect(query().error?.code).toBe('unreachable');
  React.act(() => root.render(<></>));
  await settle(20_000);
  expect(call).toHaveBeenCalledTimes(asked);
});

test('versions are read page by page, and from the start when the question changes', async () => {
  const total = 250;
  const call = jest.fn(async (_: string, input: { cursor: string | null; limit: number; order: string }) => {
    const at = Number(input.cursor ?? 0);
    const count = Math.min(input.limit, total - at);
    const numbers = Array.from({ length: count }, (_, i) =>
      input.order === 'asc' ? at + i + 1 : total - at - i
    );
    return {
      items: numbers.map(version => ({ version })),
      next_cursor: at + count < total ? String(at + count) : null,
      total
    };
  });
  const { dsp } = fakeDsp(call as unknown as jest.Mock);
  let last: ReturnType<typeof useVersions> | null = null;
  function Probe(props: { order: 'asc' | 'desc' }): null {
    last = useVersions(
      dsp,
      { model: 'digits', filter: '', sort: '', order: props.order, state: 'active' },
      true
    );
    return null;
  }
  React.act(() => root.render(<Probe order="desc" />));
  await settle(0);
  expect(last!.rows).toHaveLength(100);
  expect(last!.total).toBe(total);
  for (let index = 0; index < 4; index += 1) {
    last!.more();
    await settle(0);
  }
  expect(last!.rows.map(row => row.version)).toEqual(Array.from({ length: total }, (_, i) => total - i));
  expect(call).toHaveBeenCalledTimes(3);
  React.act(() => root.render(<Probe order="asc" />));
  await settle(0);
  expect(last!.rows[0]).toEqual({ version: 1 });
  expect(last!.rows).toHaveLength(100);
});
