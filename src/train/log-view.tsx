import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { touches } from '../components/use-query';
import type { IDsp, RecordChanged } from '../tokens';

/** Characters kept in the page; the whole log stays on the server. */
const KEPT = 400_000;
const CHUNK = 128 * 1024;

/** The run's output: its tail, then what comes. Follows the end unless somebody scrolls up. */
export function LogView(props: {
  dsp: IDsp;
  runId: string;
  visible: boolean;
  isLive: boolean;
  trans: TranslationBundle;
  height: number;
}): React.ReactElement {
  const { dsp, runId, visible, isLive, trans } = props;
  const [text, setText] = React.useState('');
  const [isCut, setCut] = React.useState(false);
  const node = React.useRef<HTMLPreElement>(null);
  const follows = React.useRef(true);
  const place = React.useRef<{ next: number; done: boolean; busy: boolean; again: boolean }>({
    next: -1,
    done: false,
    busy: false,
    again: false
  });

  React.useEffect(() => {
    place.current = { next: -1, done: false, busy: false, again: false };
    setText('');
  }, [runId]);

  React.useEffect(() => {
    if (!visible) {
      return;
    }
    let isCurrent = true;
    const read = async (): Promise<void> => {
      const state = place.current;
      if (state.done || !isCurrent) {
        return;
      }
      if (state.busy) {
        state.again = true;
        return;
      }
      state.busy = true;
      try {
        const chunk = await dsp.client.call(
          'train.log',
          state.next < 0
            ? { run_id: runId, tail: true, limit: CHUNK }
            : { run_id: runId, after: state.next, limit: CHUNK }
        );
        if (state.next < 0 && chunk.start > 0) {
          setCut(true);
        }
        const more = chunk.next < chunk.size && chunk.text.length > 0;
        state.next = chunk.next;
        state.done = chunk.is_final;
        state.again = state.again || more;
        if (isCurrent && chunk.text) {
          setText(old => {
            const all = plain(old + chunk.text);
            return all.length > KEPT ? all.slice(all.length - KEPT) : all;
          });
        }
      } catch {
        // the page shows what is wrong with the server; the next event or tick reads again
      } finally {
        state.busy = false;
      }
      if (state.again) {
        state.again = false;
        await read();
      }
    };
    const changed = (_: IDsp, change: RecordChanged) => {
      if (touches(change, 'run', runId)) {
        void read();
      }
    };
    const back = () => void read();
    dsp.changed.connect(changed);
    dsp.reconnected.connect(back);
    const timer = isLive ? setInterval(() => void read(), 3000) : null;
    void read();
    return () => {
      isCurrent = false;
      dsp.changed.disconnect(changed);
      dsp.reconnected.disconnect(back);
      if (timer !== null) {
        clearInterval(timer);
      }
    };
  }, [dsp, runId, visible, isLive]);

  React.useLayoutEffect(() => {
    if (follows.current && node.current) {
      node.current.scrollTop = node.current.scrollHeight;
    }
  }, [text]);

  return (
    <section className="jp-DspTrain-log">
      <pre
        ref={node}
        tabIndex={0}
        aria-label={trans.__('Output of the run')}
        style={{ maxHeight: props.height }}
        onScroll={event => {
          const at = event.currentTarget;
          follows.current = at.scrollHeight - at.scrollTop - at.clientHeight < 24;
        }}
      >
        {isCut && (
          <span className="jp-Dsp-muted">
            {trans.__('(earlier output is in the log file)')}
            {'\n'}
          </span>
        )}
        {text || <span className="jp-Dsp-muted">{trans.__('Nothing printed yet.')}</span>}
      </pre>
    </section>
  );
}

/** Terminal output as text: colours dropped, a line that is overwritten by "\r" shown as it ends. */
export function plain(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex
      .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
      .replace(/[^\n]*\r(?!\n)/g, '')
      // eslint-disable-next-line no-control-regex
      .replace(/[^\n]\u0008/g, '')
  );
}
