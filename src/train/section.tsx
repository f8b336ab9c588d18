import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import {
  Chip,
  EmptyState,
  FilterBox,
  Problem,
  ProgressBar,
  share,
  Stale,
  StateDot,
  stateWords
} from '../components/basics';
import { usePreferences } from '../components/use-preferences';
import { useListKeys } from '../components/list-keys';
import { useQuery } from '../components/use-query';
import { age, headline, pairs, roughly, value } from '../format';
import { CommandIDs, type IDsp, type ISectionHeader, type RunRow } from '../tokens';

const MOST_COMPARED = 10;

/** More are found by the filter. */
const MOST_ROWS = 1000;

/** The section "Runs" of the side panel. */
export function RunsSection(props: {
  dsp: IDsp;
  commands: CommandRegistry;
  trans: TranslationBundle;
  visible: boolean;
  report: (header: ISectionHeader) => void;
}): React.ReactElement {
  const { dsp, trans, commands, report, visible } = props;
  const [filter, setFilter] = React.useState('');
  const { rows } = usePreferences(dsp);
  const [times, setTimes] = React.useState(1);
  const limit = Math.min(rows * times, MOST_ROWS);
  const [ticked, setTicked] = React.useState<string[]>([]);
  const runs = useQuery(
    dsp,
    'train.list',
    { filter, limit, count: true },
    { visible, on: change => change.kind === 'run' }
  );
  const total = runs.data?.total ?? null;
  const keys = useListKeys<HTMLUListElement>();

  React.useEffect(() => {
    report({
      count: total === null ? undefined : total.toLocaleString(),
      action: {
        label: ticked.length ? trans.__('Compare (%1)', ticked.length) : trans.__('Compare'),
        caption: trans.__('Tick 2 to %1 runs to see what differs', MOST_COMPARED),
        enabled: ticked.length >= 2 && ticked.length <= MOST_COMPARED,
        run: () => void commands.execute(CommandIDs.compare, { refs: ticked })
      }
    });
  }, [total, ticked, commands, report, trans]);

  const isFilterProblem = runs.error?.body.details['field'] === 'filter';
  if (runs.error && !runs.data && !isFilterProblem) {
    return <Problem error={runs.error} trans={trans} retry={runs.reload} />;
  }
  const items = runs.data?.items ?? [];
  if (runs.data && total === 0 && !filter) {
    return (
      <EmptyState
        trans={trans}
        text={trans.__(
          'Put this line on top of a training cell: it becomes a run that goes on when you close the laptop.'
        )}
        magic="%%dsp train --name my-model -o model"
      />
    );
  }
  return (
    <>
      {runs.error && !isFilterProblem && <Stale error={runs.error} trans={trans} />}
      <FilterBox
        label={trans.__('Filter runs')}
        placeholder={trans.__('Filter: val_accuracy > 0.9')}
        value={filter}
        onChange={setFilter}
        error={isFilterProblem ? (runs.error?.body.message ?? null) : null}
      />
      <ul className="jp-Dsp-list" aria-label={trans.__('Runs')} aria-busy={runs.isLoading} {...keys}>
        {items.map(run => (
          <RunItem
            key={run.id}
            run={run}
            trans={trans}
            isTicked={ticked.includes(run.id)}
            onTick={isTicked =>
              setTicked(isTicked ? [...ticked, run.id] : ticked.filter(id => id !== run.id))
            }
            onOpen={() => void commands.execute(CommandIDs.openRun, { runId: run.id })}
          />
        ))}
      </ul>
      {runs.data && items.length === 0 && <p className="jp-Dsp-muted">{trans.__('No run matches.')}</p>}
      {runs.data?.next_cursor && limit < MOST_ROWS && (
        <button className="jp-Dsp-link jp-Dsp-more" onClick={() => setTimes(times * 4)}>
          {trans.__('Show more')}
        </button>
      )}
    </>
  );
}

/** One sentence on how a run is. */
export function runStatus(run: RunRow, trans: TranslationBundle): string {
  if (run.stopping) {
    return trans.__('stopping');
  }
  const progress = run.progress;
  if (!run.is_final) {
    if (progress?.epochs) {
      const epoch = trans.__('epoch %1 of %2', Math.max(progress.epoch ?? 0, 1), progress.epochs);
      return progress.left_s === null || progress.left_s === undefined
        ? epoch
        : `${epoch} · ${trans.__('%1 left', roughly(progress.left_s))}`;
    }
    return progress?.phase || trans.__('starting');
  }
  if (run.problem) {
    const { message, hint } = run.problem;
    return hint ? `${message}${/[.!?]$/.test(message) ? '' : ' ·'} ${hint}` : message;
  }
  const parts = [age(run.ended_at ?? run.created_at)];
  if (run.stored) {
    parts.push(trans.__('stored as v%1', run.stored.version));
  } else if (run.exported) {
    parts.push(trans.__('exported'));
  }
  return parts.join(' · ');
}

function RunItem(props: {
  run: RunRow;
  trans: TranslationBundle;
  isTicked: boolean;
  onTick: (isTicked: boolean) => void;
  onOpen: () => void;
}): React.ReactElement {
  const { run, trans } = props;
  const metric = headline(run.metrics);
  const params = pairs(run.params, 3);
  return (
    <li
      className="jp-DspTrain-row"
      data-dsp-row
      data-state={run.state}
      data-selected={props.isTicked || undefined}
    >
      <input
        type="checkbox"
        checked={props.isTicked}
        aria-label={trans.__('Compare run %1', run.id)}
        onChange={event => props.onTick(event.target.checked)}
      />
      <StateDot state={run.state} trans={trans} />
      <button
        className="jp-Dsp-rowButton"
        data-dsp-main
        onClick={props.onOpen}
        title={[
          trans.__('Open run %1 (%2)', run.id, stateWords(trans)[run.state]),
          `${run.name} ${pairs(run.params, 20)}`,
          runStatus(run, trans)
        ].join('\n')}
      >
        <span className="jp-Dsp-rowTop">
          <span className="jp-Dsp-rowName">
            {run.name}
            {run.purpose === 'proof' && (
              <>
                {' '}
                <Chip
                  text={trans.__('proof')}
                  title={trans.__('Proves that cells run before they are exported')}
                />
              </>
            )}
            {params && <span className="jp-Dsp-muted"> · {params}</span>}
          </span>
          <span className="jp-Dsp-metric" title={metric?.[0]}>
            {metric ? value(metric[1]) : ''}
          </span>
        </span>
        {!run.is_final && (
          <ProgressBar value={share(run.progress)} label={trans.__('Progress of run %1', run.id)} />
        )}
        <span
          className="jp-Dsp-rowBottom"
          data-problem={run.problem && run.state !== 'stopped' ? true : undefined}
        >
          {runStatus(run, trans)}
        </span>
      </button>
    </li>
  );
}
