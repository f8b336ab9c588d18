import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import type { Shapes } from '../client';
import { Action, Problem, ProgressBar, share, StateDot, stateWords } from '../components/basics';
import { touches, useQuery } from '../components/use-query';
import { age, bytes, duration, value } from '../format';
import { CommandIDs, type IDsp, type Run } from '../tokens';
import { CurveGrid } from './curves';
import { LogView } from './log-view';
import { runStatus } from './section';

export interface IRunViewProps {
  dsp: IDsp;
  commands: CommandRegistry;
  rendermime: IRenderMimeRegistry;
  trans: TranslationBundle;
  runId: string;
  visible: boolean;
}

/** Run and curves, live: what page and card share. */
export function useRun(props: IRunViewProps) {
  const { dsp, runId, visible } = props;
  const on = (change: Shapes['RecordChanged']) => touches(change, 'run', runId);
  const [isLive, setLive] = React.useState(false);
  // events carry it; the slow tick covers a socket that is down, as after a restart of the server
  const everyMs = isLive ? 5000 : null;
  const run = useQuery(dsp, 'train.show', { run_id: runId }, { visible, on, everyMs });
  const isFinal = run.data?.is_final ?? true;
  React.useEffect(() => setLive(!isFinal), [isFinal]);
  const curves = useQuery(dsp, 'train.curves', { run_id: runId }, { visible, on, everyMs });
  return { run, curves, isLive };
}

/** The main-area page of one run. */
export function RunPage(props: IRunViewProps & { onTitle?: (title: string) => void }): React.ReactElement {
  const { trans, dsp, commands, rendermime } = props;
  const { run, curves, isLive } = useRun(props);
  const { onTitle } = props;
  const name = run.data?.name;
  React.useEffect(() => {
    if (name) {
      onTitle?.(trans.__('%1 · run %2', name, props.runId.slice(0, 6)));
    }
  }, [name, onTitle, props.runId, trans]);
  if (!run.data) {
    return run.error ? (
      <Problem error={run.error} trans={trans} retry={run.reload} />
    ) : (
      <p className="jp-Dsp-muted jp-Dsp-page">{trans.__('Loading the run…')}</p>
    );
  }
  const data = run.data;
  return (
    <div className="jp-Dsp-page jp-DspTrain-page">
      <RunHeader run={data} commands={commands} trans={trans} />
      {run.error && <Problem error={run.error} trans={trans} retry={run.reload} />}
      {isLive && <ProgressBar value={share(data.progress)} label={trans.__('Progress')} />}
      <RunProblem run={data} trans={trans} />
      {data.warnings.map(text => (
        <p key={text} className="jp-Dsp-warning">
          {text}
        </p>
      ))}
      <CurveGrid
        rendermime={rendermime}
        trans={trans}
        height={180}
        curves={(curves.data?.series ?? []).map(series => ({ owner: '', series }))}
      />
      <div className="jp-Dsp-columns">
        <Facts
          title={trans.__('Metrics')}
          values={data.metrics}
          empty={data.is_final ? trans.__('None was logged.') : trans.__('None logged yet.')}
        />
        <Facts title={trans.__('Parameters')} values={data.params} empty={trans.__('The cells have none.')} />
        <Facts title={trans.__('Optimizer and fit')} values={flat(data.compile)} />
        <Facts title={trans.__('Resources')} values={resources(data, trans)} />
        <DataTable run={data} trans={trans} />
        <Lineage run={data} commands={commands} trans={trans} />
      </div>
      <h3>{trans.__('Output')}</h3>
      <LogView dsp={dsp} runId={data.id} visible={props.visible} isLive={isLive} trans={trans} height={260} />
      <Artifacts run={data} dsp={dsp} trans={trans} />
      {data.summary && (
        <details>
          <summary>{trans.__('Model summary')}</summary>
          <pre className="jp-Dsp-code">{data.summary}</pre>
        </details>
      )}
      <Source dsp={dsp} runId={data.id} visible={props.visible} trans={trans} />
      <details>
        <summary>{trans.__('Environment: %1 packages', Object.keys(packages(data)).length)}</summary>
        <Facts title="" values={packages(data)} />
      </details>
    </div>
  );
}

function packages(run: Run): { [name: string]: unknown } {
  const found = run.environment['packages'];
  return found && typeof found === 'object' ? (found as { [name: string]: unknown }) : {};
}

export function RunHeader(props: {
  run: Run;
  commands: CommandRegistry;
  trans: TranslationBundle;
  isCard?: boolean;
}): React.ReactElement {
  const { run, commands, trans } = props;
  return (
    <header className="jp-Dsp-pageHeader">
      <StateDot state={run.state} trans={trans} />
      <h2>{run.name}</h2>
      <button
        className="jp-Dsp-link jp-Dsp-muted"
        title={trans.__('Copy the id')}
        onClick={() => Clipboard.copyToSystem(run.id)}
      >
        {trans.__('run %1', run.id)}
      </button>
      {run.cells.length > 0 && (
        <span className="jp-Dsp-muted">
          {trans._n(
            'from cell %2',
            'from cells %2',
            run.cells.length,
            run.cells.map(cell => cell.index + 1).join(', ')
          )}
        </span>
      )}
      <span className="jp-Dsp-spacer" />
      <span className="jp-Dsp-status">
        {run.is_final
          ? `${stateWords(trans)[run.state]} · ${duration(run.duration_s)}`
          : runStatus(run, trans)}
      </span>
      {props.isCard && (
        <Action onClick={() => void commands.execute(CommandIDs.openRun, { runId: run.id })}>
          {trans.__('Open')}
        </Action>
      )}
      {!run.is_final && (
        <Action
          kind="danger"
          disabled={run.stopping}
          onClick={() => void commands.execute(CommandIDs.stopRun, { runId: run.id })}
        >
          <stopIcon.react tag="span" /> {run.stopping ? trans.__('Stopping…') : trans.__('Stop')}
        </Action>
      )}
      {run.is_final && (
        <Action onClick={() => void commands.execute(CommandIDs.retryRun, { runId: run.id })}>
          <refreshIcon.react tag="span" /> {trans.__('Run again')}
        </Action>
      )}
      {run.stored && (
        <Action
          onClick={() =>
            void commands.execute(CommandIDs.openModel, {
              model: run.stored?.model,
              version: run.stored?.version
            })
          }
        >
          {trans.__('%1 v%2', run.stored.model, run.stored.version)}
        </Action>
      )}
    </header>
  );
}

export function RunProblem(props: { run: Run; trans: TranslationBundle }): React.ReactElement | null {
  const problem = props.run.problem;
  if (!problem) {
    return null;
  }
  return (
    <div className="jp-Dsp-problem" role="alert" data-mild={props.run.state === 'stopped' || undefined}>
      <strong>{problem.message}</strong>
      {problem.hint && <p>{problem.hint}</p>}
      {problem.traceback && <pre className="jp-Dsp-code">{problem.traceback}</pre>}
    </div>
  );
}

export function Facts(props: {
  title: string;
  values: { [name: string]: unknown };
  empty?: string;
}): React.ReactElement | null {
  const entries = Object.entries(props.values).filter(([, v]) => v !== null && v !== undefined && v !== '');
  if (entries.length === 0 && !props.empty) {
    return null;
  }
  return (
    <section className="jp-Dsp-facts">
      {props.title && <h3>{props.title}</h3>}
      {entries.length === 0 && <p className="jp-Dsp-muted">{props.empty}</p>}
      <dl>
        {entries.map(([name, v]) => (
          <React.Fragment key={name}>
            <dt title={name}>{name}</dt>
            <dd title={String(v)}>{value(v)}</dd>
          </React.Fragment>
        ))}
      </dl>
    </section>
  );
}

function flat(values: { [name: string]: unknown }, prefix = ''): { [name: string]: unknown } {
  return Object.assign(
    {},
    ...Object.entries(values).map(([name, v]) =>
      v && typeof v === 'object' && !Array.isArray(v)
        ? flat(v as { [name: string]: unknown }, `${prefix}${name} `)
        : { [`${prefix}${name}`]: v }
    )
  );
}

function resources(run: Run, trans: TranslationBundle): { [name: string]: unknown } {
  const peak = run.peak_memory_bytes ? bytes(run.peak_memory_bytes) : null;
  const limit = run.memory_limit_bytes ? bytes(run.memory_limit_bytes) : null;
  const hardware = run.hardware as { [name: string]: unknown };
  return {
    [trans.__('peak memory')]: peak && limit ? trans.__('%1 of %2', peak, limit) : (peak ?? limit),
    [trans.__('CPU time')]: duration(run.cpu_time_s),
    [trans.__('duration')]: duration(run.duration_s),
    [trans.__('processor')]: hardware['cpu_model'] ?? hardware['cpu'],
    [trans.__('cores')]: hardware['cpu_count'],
    [trans.__('framework')]: run.framework,
    [trans.__('started by')]: run.created_by,
    [trans.__('started')]: age(run.started_at)
  };
}

function DataTable(props: { run: Run; trans: TranslationBundle }): React.ReactElement | null {
  const { run, trans } = props;
  if (run.data.length === 0) {
    return null;
  }
  return (
    <section className="jp-Dsp-facts">
      <h3>{trans.__('Data')}</h3>
      <dl>
        {run.data.map((data, index) => (
          <React.Fragment key={index}>
            <dt>{data.role === 'dataset' ? data.name : data.role.replace('_', ' ')}</dt>
            <dd title={data.digest ?? ''}>
              {[
                data.shape
                  ? data.shape.join(' × ')
                  : data.rows !== null
                    ? trans.__('%1 rows', data.rows)
                    : '',
                data.dtype,
                data.digest ? data.digest.slice(7, 15) : null
              ]
                .filter(Boolean)
                .join(' · ')}
            </dd>
          </React.Fragment>
        ))}
      </dl>
    </section>
  );
}

function Lineage(props: {
  run: Run;
  commands: CommandRegistry;
  trans: TranslationBundle;
}): React.ReactElement {
  const { run, trans, commands } = props;
  return (
    <section className="jp-Dsp-facts jp-Dsp-lineage">
      <h3>{trans.__('Where it comes from')}</h3>
      <ol>
        {run.notebook && (
          <li>
            {run.notebook.startsWith('/') ? (
              // known by its place on the disk only: the file browser may not reach it
              <span title={run.notebook}>{run.notebook.split('/').pop()}</span>
            ) : (
              <button
                className="jp-Dsp-link"
                onClick={() => void commands.execute('docmanager:open', { path: run.notebook })}
              >
                {run.notebook}
              </button>
            )}
          </li>
        )}
        {run.cells.map(cell => (
          <li key={cell.id} title={cell.digest}>
            {trans.__('cell %1', cell.index + 1)} <span className="jp-Dsp-muted">{cell.reason}</span>
          </li>
        ))}
        <li title={run.spec_digest}>
          {trans.__('Spec')} <span className="jp-Dsp-muted">{run.spec_digest.slice(7, 19)}</span>
        </li>
        <li>
          {trans.__('run %1', run.id)}{' '}
          {run.retry_of && (
            <button
              className="jp-Dsp-link"
              onClick={() => void commands.execute(CommandIDs.openRun, { runId: run.retry_of })}
            >
              {trans.__('repeats %1', run.retry_of)}
            </button>
          )}
        </li>
        {run.stored && (
          <li>
            <button
              className="jp-Dsp-link"
              onClick={() =>
                void commands.execute(CommandIDs.openModel, {
                  model: run.stored?.model,
                  version: run.stored?.version
                })
              }
            >
              {trans.__('%1 version %2', run.stored.model, run.stored.version)}
            </button>
          </li>
        )}
      </ol>
    </section>
  );
}

function Artifacts(props: { run: Run; dsp: IDsp; trans: TranslationBundle }): React.ReactElement | null {
  const { run, dsp, trans } = props;
  if (run.artifacts.length === 0) {
    return null;
  }
  return (
    <section>
      <h3>{trans.__('Artifacts')}</h3>
      <ul className="jp-Dsp-files">
        {run.artifacts.map(file => (
          <li key={file.path}>
            <button
              className="jp-Dsp-link"
              onClick={() =>
                void dsp.client
                  .download(
                    'train.file',
                    { run_id: run.id, path: file.path },
                    file.path.split('/').pop() ?? 'artifact'
                  )
                  .catch((reason: Error) => Notification.error(reason.message, { autoClose: 8000 }))
              }
            >
              {file.path}
            </button>{' '}
            <span className="jp-Dsp-muted">{bytes(file.size_bytes)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Source(props: {
  dsp: IDsp;
  runId: string;
  visible: boolean;
  trans: TranslationBundle;
}): React.ReactElement {
  const [isOpen, setOpen] = React.useState(false);
  const source = useQuery(props.dsp, 'train.source', isOpen ? { run_id: props.runId } : null, {
    visible: props.visible
  });
  return (
    <details onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>{props.trans.__('Code, as it ran')}</summary>
      {source.error && <Problem error={source.error} trans={props.trans} />}
      {source.data && (
        <>
          <Action onClick={() => Clipboard.copyToSystem(source.data?.module ?? '')}>
            <copyIcon.react tag="span" /> {props.trans.__('Copy')}
          </Action>
          <pre className="jp-Dsp-code">{source.data.module}</pre>
        </>
      )}
    </details>
  );
}
