import { useCallback, useEffect, useRef, useState } from 'react';
import { DspError, type Input, type OperationId, type Output } from '../client';
import type { IDsp, RecordChanged } from '../tokens';

export interface IQuery<T> {
  data: T | null;
  error: DspError | null;
  isLoading: boolean;
  reload: () => void;
}

/** Does the change concern this record? An empty key stands for many of its kind. */
export function touches(change: RecordChanged, kind: string, key?: string): boolean {
  return change.kind === kind && (key === undefined || change.key === '' || change.key === key);
}

interface IOptions {
  /** Which changes make it stale; left out: none. */
  on?: (change: RecordChanged) => boolean;
  /** Not looked at while false; read once when it turns true again. */
  visible?: boolean;
  /** Read again every so often, besides events (for live figures); milliseconds. */
  everyMs?: number | null;
}

const DEBOUNCE_MS = 200;
const RETRY_MS = 3000;

/** Calls an operation, and again when something that it shows has changed. The last good answer stays on errors. */
export function useQuery<K extends OperationId>(
  dsp: IDsp,
  id: K,
  input: Input<K> | null,
  options: IOptions = {}
): IQuery<Output<K>> {
  const { visible = true, everyMs = null } = options;
  const key = input === null ? null : JSON.stringify(input);
  const [answer, setAnswer] = useState<{ key: string; data: Output<K> } | null>(null);
  const [error, setError] = useState<DspError | null>(null);
  const [isLoading, setLoading] = useState(false);
  const latest = useRef({ key, on: options.on, visible });
  latest.current = { key, on: options.on, visible };
  const isGone = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const busy = useRef(false);
  const again = useRef(false);

  const plan = useCallback((ms: number) => {
    if (timer.current === null && !isGone.current) {
      timer.current = setTimeout(() => {
        timer.current = null;
        void run.current();
      }, ms);
    }
  }, []);

  const load = useCallback(async () => {
    const wanted = latest.current.key;
    // what nobody sees is read when it is seen again
    if (wanted === null || !latest.current.visible) {
      return;
    }
    if (busy.current) {
      again.current = true;
      return;
    }
    busy.current = true;
    setLoading(true);
    try {
      const data = await dsp.client.call(id, JSON.parse(wanted) as Input<K>);
      if (latest.current.key === wanted) {
        setAnswer({ key: wanted, data });
        setError(null);
      }
    } catch (reason) {
      const problem =
        reason instanceof DspError
          ? reason
          : new DspError({ code: 'internal', message: String(reason), hint: null, details: {} }, 0);
      if (latest.current.key === wanted) {
        setError(problem);
      }
      if (problem.code === 'unreachable' || problem.status === 503) {
        plan(RETRY_MS);
      }
    } finally {
      busy.current = false;
      setLoading(false);
      if (again.current || latest.current.key !== wanted) {
        again.current = false;
        plan(0);
      }
    }
  }, [dsp, id, plan]);
  const run = useRef(load);
  run.current = load;

  useEffect(() => {
    if (visible && key !== null) {
      void load();
    }
  }, [key, visible, load]);

  useEffect(() => {
    if (!visible) {
      return;
    }
    const changed = (_: IDsp, change: RecordChanged) => {
      if (latest.current.on?.(change)) {
        plan(DEBOUNCE_MS);
      }
    };
    const back = () => plan(0);
    dsp.changed.connect(changed);
    dsp.reconnected.connect(back);
    return () => {
      dsp.changed.disconnect(changed);
      dsp.reconnected.disconnect(back);
    };
  }, [dsp, plan, visible]);

  useEffect(() => {
    if (!visible || everyMs === null) {
      return;
    }
    const interval = setInterval(() => plan(0), everyMs);
    return () => clearInterval(interval);
  }, [visible, everyMs, plan]);

  useEffect(() => {
    isGone.current = false;
    return () => {
      isGone.current = true;
      if (timer.current !== null) {
        clearTimeout(timer.current);
        timer.current = null;
      }
    };
  }, []);

  return { data: answer?.data ?? null, error, isLoading, reload: () => plan(0) };
}
