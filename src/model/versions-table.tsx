import type { TranslationBundle } from '@jupyterlab/translation';
import { useVirtualizer } from '@tanstack/react-virtual';
import * as React from 'react';
import { DspError, type Input } from '../client';
import { Chip } from '../components/basics';
import { age, bytes, pairs, value } from '../format';
import { touches } from '../components/use-query';
import type { IDsp, RecordChanged, Version } from '../tokens';

const PAGE = 100;
const ROW_PX = 28;

export interface ISort {
  field: string;
  order: 'asc' | 'desc';
}

/** Pages of versions, read as one scrolls; sorted and filtered by the server. */
export function useVersions(
  dsp: IDsp,
  input: Pick<Input<'model.versions'>, 'model' | 'filter' | 'sort' | 'order' | 'state'>,
  visible: boolean
) {
  const key = JSON.stringify(input);
  const [rows, setRows] = React.useState<Version[]>([]);
  const [total, setTotal] = React.useState<number | null>(null);
  const [error, setError] = React.useState<DspError | null>(null);
  const [tookMs, setTook] = React.useState(0);
  const place = React.useRef<{ key: string; cursor: string | null; busy: boolean; done: boolean }>({
    key: '',
    cursor: null,
    busy: false,
    done: false
  });

  const more = React.useCallback(
    async (fresh: boolean) => {
      const state = place.current;
      if (state.busy && state.key === key) {
        return;
      }
      if (fresh || state.key !== key) {
        place.current = { key, cursor: null, busy: false, done: false };
      } else if (state.done) {
        return;
      }
      const at = place.current;
      at.busy = true;
      const begun = performance.now();
      try {
        const isFirst = at.cursor === null;
        const page = await dsp.client.call('model.versions', {
          ...(JSON.parse(key) as Input<'model.versions'>),
          limit: PAGE,
          cursor: at.cursor,
          count: isFirst
        });
        if (place.current !== at) {
          return;
        }
        at.cursor = page.next_cursor;
        at.done = page.next_cursor === null;
        setRows(old => (isFirst ? page.items : [...old, ...page.items]));
        if (isFirst) {
          setTotal(page.total);
          setTook(performance.now() - begun);
        }
        setError(null);
      } catch (reason) {
        if (place.current === at) {
          at.done = true;
          setError(reason instanceof DspError ? reason : null);
        }
      } finally {
        at.busy = false;
      }
    },
    [dsp, key]
  );

  React.useEffect(() => {
    if (visible) {
      void more(true);
    }
  }, [more, visible]);

  React.useEffect(() => {
    if (!visible) {
      return;
    }
    let timer: ReturnType<typeof setTimeout> | null = null;
    const changed = (_: IDsp, change: RecordChanged) => {
      const concerns =
        (change.kind === 'version' && change.scope === input.model) || touches(change, 'model', input.model);
      if (concerns && timer === null) {
        timer = setTimeout(() => {
          timer = null;
          void more(true);
        }, 300);
      }
    };
    dsp.changed.connect(changed);
    return () => {
      dsp.changed.disconnect(changed);
      if (timer !== null) {
        clearTimeout(timer);
      }
    };
  }, [dsp, more, visible, input.model]);

  return { rows, total, error, tookMs, more: () => void more(false), reload: () => void more(true) };
}

/** The table: virtualised, so that ten thousand versions scroll like ten. */
export function VersionsTable(props: {
  rows: Version[];
  metrics: string[];
  sort: ISort;
  onSort: (sort: ISort) => void;
  ticked: number[];
  onTick: (version: number, isTicked: boolean) => void;
  selected: number | null;
  onSelect: (version: number) => void;
  onOpenRun: (runId: string) => void;
  onEnd: () => void;
  trans: TranslationBundle;
}): React.ReactElement {
  const { rows, trans, sort } = props;
  const host = React.useRef<HTMLDivElement>(null);
  const gridId = React.useId();
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => host.current,
    estimateSize: () => ROW_PX,
    // the head stays on top of the rows
    scrollMargin: ROW_PX,
    scrollPaddingStart: ROW_PX,
    overscan: 20
  });
  const items = virtualizer.getVirtualItems();
  const last = items[items.length - 1]?.index ?? 0;
  const { onEnd } = props;
  React.useEffect(() => {
    if (rows.length > 0 && last >= rows.length - 30) {
      onEnd();
    }
  }, [last, rows.length, onEnd]);

  const width = useWidth(host);
  const shownMetrics = props.metrics.slice(0, width < 700 ? 1 : width < 880 ? 2 : 3);
  const hasParams = width >= 580;
  const hasRun = width >= 790;
  const columns: { title: string; field: string | null; width: string }[] = [
    { title: '', field: null, width: '28px' },
    { title: trans.__('version'), field: 'version', width: '70px' },
    { title: trans.__('aliases'), field: null, width: 'minmax(84px, 0.9fr)' },
    ...shownMetrics.map(name => ({
      title: name,
      field: `metrics.${quoted(name)}`,
      width: 'minmax(92px, 0.6fr)'
    })),
    { title: trans.__('size'), field: 'size_bytes', width: '64px' },
    ...(hasParams ? [{ title: trans.__('parameters'), field: null, width: 'minmax(90px, 1.6fr)' }] : []),
    ...(hasRun ? [{ title: trans.__('from'), field: 'run_id', width: '84px' }] : []),
    { title: trans.__('age'), field: 'created_at', width: '84px' }
  ];
  const template = columns.map(column => column.width).join(' ');
  const select = (index: number) => {
    const row = rows[index];
    if (row) {
      props.onSelect(row.version);
      virtualizer.scrollToIndex(index);
    }
  };
  return (
    <div
      className="jp-DspModel-table"
      role="grid"
      aria-label={trans.__('Versions')}
      aria-rowcount={rows.length}
      ref={host}
      aria-activedescendant={props.selected === null ? undefined : `${gridId}-${props.selected}`}
      tabIndex={0}
      onKeyDown={event => {
        const at = rows.findIndex(row => row.version === props.selected);
        if (event.key === 'ArrowDown') {
          select(Math.min(at + 1, rows.length - 1));
          event.preventDefault();
        } else if (event.key === 'ArrowUp') {
          select(Math.max(at - 1, 0));
          event.preventDefault();
        } else if (event.key === 'Home' || event.key === 'End') {
          select(event.key === 'Home' ? 0 : rows.length - 1);
          event.preventDefault();
        } else if (event.key === ' ' && event.target === event.currentTarget && props.selected !== null) {
          props.onTick(props.selected, !props.ticked.includes(props.selected));
          event.preventDefault();
        }
      }}
    >
      <div className="jp-DspModel-tableHead" role="row" style={{ gridTemplateColumns: template }}>
        {columns.map((column, index) => (
          <div
            key={index}
            role="columnheader"
            aria-sort={
              column.field !== null && sort.field === column.field
                ? sort.order === 'asc'
                  ? 'ascending'
                  : 'descending'
                : undefined
            }
          >
            {column.field === null ? (
              column.title
            ) : (
              <button
                title={trans.__('Sort by %1', column.title)}
                onClick={() =>
                  props.onSort({
                    field: column.field ?? '',
                    order: sort.field === column.field && sort.order === 'desc' ? 'asc' : 'desc'
                  })
                }
              >
                {column.title}
                {sort.field === column.field && (sort.order === 'asc' ? ' ▴' : ' ▾')}
              </button>
            )}
          </div>
        ))}
      </div>
      <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
        {items.map(item => {
          const row = rows[item.index];
          if (!row) {
            return null;
          }
          const isTicked = props.ticked.includes(row.version);
          return (
            <div
              key={item.key}
              role="row"
              id={`${gridId}-${row.version}`}
              aria-rowindex={item.index + 1}
              aria-selected={row.version === props.selected}
              className="jp-DspModel-tableRow"
              data-ticked={isTicked || undefined}
              style={{ gridTemplateColumns: template, transform: `translateY(${item.start - ROW_PX}px)` }}
              onClick={() => props.onSelect(row.version)}
            >
              <div role="gridcell">
                <input
                  type="checkbox"
                  checked={isTicked}
                  aria-label={trans.__('Compare version %1', row.version)}
                  onClick={event => event.stopPropagation()}
                  onChange={event => props.onTick(row.version, event.target.checked)}
                />
              </div>
              <div role="gridcell">
                <strong>{trans.__('v%1', row.version)}</strong>
              </div>
              <div role="gridcell">
                {row.aliases.map(alias => (
                  <Chip key={alias} text={alias} strong />
                ))}
                {row.unsafe_reason && <Chip text={trans.__('unsafe')} title={row.unsafe_reason} />}
              </div>
              {shownMetrics.map(name => (
                <div role="gridcell" key={name} className="jp-Dsp-number">
                  {name in row.metrics ? value(row.metrics[name]) : ''}
                </div>
              ))}
              <div role="gridcell" className="jp-Dsp-number">
                {bytes(row.size_bytes)}
              </div>
              {hasParams && (
                <div role="gridcell" className="jp-Dsp-muted" title={pairs(row.params, 50)}>
                  {pairs(row.params, 4)}
                </div>
              )}
              {hasRun && (
                <div role="gridcell">
                  {row.run_id && (
                    <button
                      className="jp-Dsp-link"
                      onClick={event => {
                        event.stopPropagation();
                        props.onOpenRun(row.run_id ?? '');
                      }}
                    >
                      {trans.__('run %1', row.run_id.slice(0, 6))}
                    </button>
                  )}
                </div>
              )}
              <div role="gridcell" title={row.created_at}>
                {age(row.created_at)}
              </div>
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Width of an element, followed. */
function useWidth(ref: React.RefObject<HTMLElement>): number {
  const [width, setWidth] = React.useState(1000);
  React.useLayoutEffect(() => {
    const node = ref.current;
    if (!node) {
      return;
    }
    const observer = new ResizeObserver(() => setWidth(node.clientWidth));
    observer.observe(node);
    setWidth(node.clientWidth);
    return () => observer.disconnect();
  }, [ref]);
  return width;
}

/** A path segment of the filter language. */
export function quoted(name: string): string {
  return /^[A-Za-z_][\w]*$/.test(name) ? name : `"${name.replace(/(["\\])/g, '\\$1')}"`;
}
