import { Clipboard, Dialog, InputDialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { Action, Chip, CopyLine, FilterBox, Problem } from '../components/basics';
import { Chart } from '../components/chart';
import { touches, useQuery } from '../components/use-query';
import { age, bytes, value } from '../format';
import { CommandIDs, type IDsp, type Model, type RecordChanged, type VersionDetail } from '../tokens';
import { Facts } from '../train/run-page';
import { type ISort, useVersions, VersionsTable } from './versions-table';

const METRIC_COLUMNS = 3;
const MOST_COMPARED = 10;

export interface IModelPageProps {
  dsp: IDsp;
  commands: CommandRegistry;
  rendermime: IRenderMimeRegistry;
  trans: TranslationBundle;
  model: string;
  /** The version to begin with; null: the newest. */
  version: number | null;
  visible: boolean;
}

/** The main-area page of one model: its versions, and what is known of the one selected. */
export function ModelPage(props: IModelPageProps): React.ReactElement {
  const { dsp, trans, commands, model: name, visible } = props;
  const on = (change: RecordChanged) =>
    touches(change, 'model', name) || (change.kind === 'version' && change.scope === name);
  const model = useQuery(dsp, 'model.show', { model: name }, { visible, on });
  const history = useQuery(dsp, 'model.history', { model: name }, { visible, on });
  const [filter, setFilter] = React.useState('');
  const [sort, setSort] = React.useState<ISort>({ field: 'version', order: 'desc' });
  const [showTrash, setTrash] = React.useState(false);
  const [ticked, setTicked] = React.useState<number[]>([]);
  const [chosen, setChosen] = React.useState<number | null>(props.version);
  React.useEffect(() => {
    if (props.version !== null) {
      setChosen(props.version);
    }
  }, [props.version]);
  const versions = useVersions(
    dsp,
    {
      model: name,
      filter,
      sort: sort.field === 'version' ? '' : sort.field,
      order: sort.order,
      state: showTrash ? 'trashed' : 'active'
    },
    visible
  );
  const selected = chosen ?? versions.rows[0]?.version ?? null;
  const detail = useQuery(
    dsp,
    'model.version',
    selected === null ? null : { model: name, version: selected },
    {
      visible,
      on
    }
  );
  if (!model.data) {
    return model.error ? (
      <Problem error={model.error} trans={trans} retry={model.reload} />
    ) : (
      <p className="jp-Dsp-muted jp-Dsp-page">{trans.__('Loading the model…')}</p>
    );
  }
  const metrics = orderMetrics(history.data?.metrics ?? [], model.data.headline).slice(0, METRIC_COLUMNS);
  const current = detail.data?.version === selected ? detail.data : null;
  return (
    <div className="jp-Dsp-page jp-DspModel-page">
      <Header model={model.data} current={current} ticked={ticked} {...{ dsp, commands, trans }} />
      {model.data.description && <p>{model.data.description}</p>}
      <div className="jp-DspModel-split">
        <div className="jp-DspModel-main">
          <div className="jp-DspModel-tools">
            <FilterBox
              label={trans.__('Filter versions')}
              placeholder={trans.__('Filter, e.g. val_accuracy > 0.95 and tags.stage = nightly')}
              value={filter}
              onChange={setFilter}
              error={versions.error?.body.message ?? null}
            />
            <label>
              <input type="checkbox" checked={showTrash} onChange={event => setTrash(event.target.checked)} />{' '}
              {trans.__('Trash')}
            </label>
            <span className="jp-Dsp-muted" aria-live="polite">
              {versions.total === null
                ? ''
                : trans.__(
                    '%1 of %2 versions · %3 ms',
                    versions.total.toLocaleString(),
                    model.data.version_count.toLocaleString(),
                    Math.round(versions.tookMs)
                  )}
            </span>
          </div>
          <VersionsTable
            rows={versions.rows}
            metrics={metrics}
            sort={sort}
            onSort={setSort}
            ticked={ticked}
            onTick={(version, isTicked) =>
              setTicked(isTicked ? [...ticked, version] : ticked.filter(other => other !== version))
            }
            selected={selected}
            onSelect={setChosen}
            onOpenRun={runId => void commands.execute(CommandIDs.openRun, { runId })}
            onEnd={versions.more}
            trans={trans}
          />
          {versions.rows.length === 0 && versions.total === 0 && (
            <p className="jp-Dsp-muted">
              {showTrash ? trans.__('The trash is empty.') : trans.__('No version matches.')}
            </p>
          )}
          {showTrash && versions.rows.length > 0 && (
            <Action kind="danger" onClick={() => void purge(dsp, name, trans)}>
              {trans.__('Purge the trash…')}
            </Action>
          )}
        </div>
        <aside className="jp-DspModel-side" aria-label={trans.__('Selected version')}>
          {history.data && history.data.points.length > 1 && (
            <Chart
              rendermime={props.rendermime}
              height={120}
              trans={trans}
              label={trans.__('%1 over versions', history.data.metric.replace(/_/g, ' '))}
              spec={historySpec(history.data, trans)}
            />
          )}
          {current ? (
            <Detail detail={current} {...{ dsp, commands, trans }} />
          ) : (
            detail.error && <Problem error={detail.error} trans={trans} />
          )}
        </aside>
      </div>
    </div>
  );
}

function orderMetrics(names: string[], headline: string | null): string[] {
  const rank = (name: string) =>
    name === headline ? 0 : name === 'learning_rate' ? 9 : name.startsWith('val_') ? 1 : 2;
  return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function historySpec(
  history: { metric: string; points: { version: number; value: number | null; aliases: string[] }[] },
  trans: TranslationBundle
): { [key: string]: unknown } {
  const first = history.points[0]?.version ?? 0;
  const last = history.points[history.points.length - 1]?.version ?? 0;
  let named = 0;
  const values = history.points.map(point => ({
    v: point.version,
    y: point.value,
    alias: point.aliases.join(', '),
    // names of neighbours go above and below the line in turn
    place: point.aliases.length ? (named++ % 2 === 0 ? 'above' : 'below') : ''
  }));
  const name = (place: string, side: string, test: string) => ({
    transform: [{ filter: `datum.place === '${place}' && ${test}` }],
    mark: {
      type: 'text',
      dy: place === 'above' ? -9 : 11,
      align: side,
      fontSize: 10,
      clip: false
    },
    encoding: { text: { field: 'alias' } }
  });
  const middle = (first + last) / 2;
  return {
    data: { values },
    encoding: {
      x: {
        field: 'v',
        type: 'quantitative',
        title: null,
        axis: {
          tickMinStep: 1,
          tickCount: Math.min(5, last - first),
          grid: false,
          format: 'd',
          labelFlush: true
        },
        scale: { zero: false, nice: false }
      },
      y: {
        field: 'y',
        type: 'quantitative',
        title: null,
        axis: { tickCount: 4, format: '~g' },
        scale: { zero: false, padding: 12 }
      },
      tooltip: [
        { field: 'v', title: trans.__('version') },
        { field: 'y', title: history.metric, format: '.4~g' },
        { field: 'alias', title: trans.__('alias') }
      ]
    },
    layer: [
      { mark: { type: 'line', point: history.points.length < 60 } },
      { transform: [{ filter: "datum.alias !== ''" }], mark: { type: 'point', filled: true, size: 50 } },
      ...['above', 'below'].flatMap(place => [
        name(place, 'left', `datum.v < ${middle}`),
        name(place, 'right', `datum.v >= ${middle}`)
      ])
    ]
  };
}

function Header(props: {
  model: Model;
  current: VersionDetail | null;
  ticked: number[];
  dsp: IDsp;
  commands: CommandRegistry;
  trans: TranslationBundle;
}): React.ReactElement {
  const { model, current, ticked, dsp, commands, trans } = props;
  const canCompare = ticked.length >= 2 && ticked.length <= MOST_COMPARED;
  return (
    <header className="jp-Dsp-pageHeader">
      <h2>{model.name}</h2>
      {Object.entries(model.aliases).map(([alias, version]) => (
        <Chip key={alias} text={trans.__('%1: v%2', alias, version)} strong />
      ))}
      <span className="jp-Dsp-spacer" />
      <Action
        kind="primary"
        disabled={!current || current.state !== 'active'}
        title={trans.__('Insert the code that loads this version into the notebook')}
        onClick={() => void commands.execute(CommandIDs.insertLoad, { code: current?.load_code ?? '' })}
      >
        {trans.__('Load in notebook')}
      </Action>
      <Action
        disabled={!canCompare}
        title={trans.__('Tick 2 to %1 versions', MOST_COMPARED)}
        onClick={() =>
          void commands.execute(CommandIDs.compare, {
            refs: [...ticked].sort((a, b) => b - a).map(version => `${model.name}@${version}`)
          })
        }
      >
        {trans.__('Compare (%1)', ticked.length)}
      </Action>
      <Action
        disabled={!current || current.state !== 'active'}
        onClick={() => current && void promote(dsp, model, current, trans)}
      >
        {trans.__('Promote…')}
      </Action>
      <Action
        disabled={!current || current.state !== 'active'}
        onClick={() =>
          current &&
          void dsp.client
            .download(
              'model.download',
              { model: current.model, version: current.version },
              `${current.model}-v${current.version}.zip`
            )
            .catch(tell)
        }
      >
        {trans.__('Download')}
      </Action>
      {current?.state === 'trashed' ? (
        <Action
          onClick={() =>
            void dsp.client
              .call('model.restore', { model: current.model, version: current.version })
              .catch(tell)
          }
        >
          {trans.__('Restore')}
        </Action>
      ) : (
        <Action
          kind="danger"
          disabled={!current || current.state !== 'active'}
          onClick={() => current && void remove(dsp, current, trans)}
        >
          {trans.__('Delete…')}
        </Action>
      )}
    </header>
  );
}

function tell(reason: unknown): void {
  Notification.error(reason instanceof Error ? reason.message : String(reason), { autoClose: 8000 });
}

async function promote(
  dsp: IDsp,
  model: Model,
  current: VersionDetail,
  trans: TranslationBundle
): Promise<void> {
  const answer = await InputDialog.getItem({
    title: trans.__('Promote %1 v%2', current.model, current.version),
    label: trans.__('Alias that points at this version from now on'),
    items: [...new Set(['production', 'champion', 'staging', ...Object.keys(model.aliases)])],
    editable: true,
    okLabel: trans.__('Promote')
  });
  if (!answer.button.accept || !answer.value) {
    return;
  }
  const alias = answer.value.trim();
  const before = model.aliases[alias];
  try {
    await dsp.client.call('model.promote', {
      model: current.model,
      alias,
      version: current.version,
      expect: before ?? null
    });
    Notification.success(
      before === undefined
        ? trans.__('%1 is now version %2.', `${current.model}@${alias}`, current.version)
        : trans.__('%1 moved from version %2 to %3.', `${current.model}@${alias}`, before, current.version),
      { autoClose: 5000 }
    );
  } catch (reason) {
    tell(reason);
  }
}

async function remove(dsp: IDsp, current: VersionDetail, trans: TranslationBundle): Promise<void> {
  const answer = await showDialog({
    title: trans.__('Move %1 v%2 to the trash?', current.model, current.version),
    body: trans.__('It can be restored until the trash is purged. Its number is not used again.'),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Delete') })
    ]
  });
  if (answer.button.accept) {
    await dsp.client.call('model.delete', { model: current.model, version: current.version }).catch(tell);
  }
}

async function purge(dsp: IDsp, model: string, trans: TranslationBundle): Promise<void> {
  try {
    const would = await dsp.client.call('model.purge', { model, dry_run: true });
    const answer = await showDialog({
      title: trans.__('Purge the trash of %1?', model),
      body: trans.__(
        '%1 versions are removed for good and %2 are freed. This cannot be undone.',
        would.versions,
        bytes(would.freed_bytes)
      ),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.warnButton({ label: trans.__('Purge') })
      ]
    });
    if (answer.button.accept) {
      const done = await dsp.client.call('model.purge', { model });
      Notification.success(
        trans._n(
          '%2 freed by purging %1 version.',
          '%2 freed by purging %1 versions.',
          done.versions,
          bytes(done.freed_bytes)
        ),
        { autoClose: 6000 }
      );
    }
  } catch (reason) {
    tell(reason);
  }
}

/** A step of the lineage by its noun and name; digests without their algorithm. */
function stepLabel(step: VersionDetail['lineage'][number], trans: TranslationBundle): string {
  const label = step.label.replace(/^\w+:(?=[0-9a-f]{8,}$)/, '');
  switch (step.noun) {
    case 'data':
      return trans.__('data %1', label);
    case 'spec':
      return trans.__('Spec %1', label);
    case 'run':
      return trans.__('run %1', label);
    default:
      return label;
  }
}

function Detail(props: {
  detail: VersionDetail;
  dsp: IDsp;
  commands: CommandRegistry;
  trans: TranslationBundle;
}): React.ReactElement {
  const { detail, dsp, commands, trans } = props;
  const layers = Array.isArray(detail.facts['layers'])
    ? (detail.facts['layers'] as { [k: string]: unknown }[])
    : [];
  return (
    <div className="jp-DspModel-detail">
      <h3>
        {trans.__('%1 version %2', detail.model, detail.version)}
        {detail.state !== 'active' && <Chip text={detail.state} />}
      </h3>
      {detail.message && <p>{detail.message}</p>}
      {detail.unsafe_reason && <p className="jp-Dsp-warning">{detail.unsafe_reason}</p>}
      <CopyLine text={detail.load_code.trim().split('\n').pop() ?? ''} trans={trans} />
      <section className="jp-Dsp-facts jp-Dsp-lineage">
        <h3>{trans.__('Where v%1 comes from', detail.version)}</h3>
        <ol>
          {detail.lineage.map((step, index) => (
            <li key={index} title={step.ref}>
              {step.noun === 'run' ? (
                <button
                  className="jp-Dsp-link"
                  onClick={() => void commands.execute(CommandIDs.openRun, { runId: step.ref })}
                >
                  {stepLabel(step, trans)}
                </button>
              ) : step.noun === 'notebook' ? (
                <button
                  className="jp-Dsp-link"
                  onClick={() => void commands.execute('docmanager:open', { path: step.ref })}
                >
                  {step.label}
                </button>
              ) : (
                stepLabel(step, trans)
              )}
            </li>
          ))}
        </ol>
      </section>
      <Facts title={trans.__('Metrics')} values={detail.metrics} />
      <Facts title={trans.__('Parameters')} values={detail.params} />
      <Facts title={trans.__('Tags')} values={detail.tags} />
      <section className="jp-Dsp-facts">
        <h3>{trans.__('Files')}</h3>
        <ul className="jp-Dsp-files">
          {detail.files.map(file => (
            <li key={file.path} title={file.digest ?? ''}>
              <button
                className="jp-Dsp-link"
                onClick={() =>
                  void dsp.client
                    .download(
                      'model.file',
                      { model: detail.model, version: detail.version, path: file.path },
                      file.path.split('/').pop() ?? 'file'
                    )
                    .catch(tell)
                }
              >
                {file.path}
              </button>{' '}
              <span className="jp-Dsp-muted">{bytes(file.size_bytes)}</span>
            </li>
          ))}
        </ul>
      </section>
      {layers.length > 0 && (
        <details>
          <summary>{trans.__('%1 layers', layers.length)}</summary>
          <ul className="jp-Dsp-files">
            {layers.map((layer, index) => (
              <li key={index}>
                {value(layer['class'])} <span className="jp-Dsp-muted">{value(layer['name'])}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
      <details>
        <summary>{trans.__('%1 requirements', detail.requirements.length)}</summary>
        <Action onClick={() => Clipboard.copyToSystem(detail.requirements.join('\n'))}>
          {trans.__('Copy')}
        </Action>
        <pre className="jp-Dsp-code">{detail.requirements.join('\n')}</pre>
      </details>
      <p className="jp-Dsp-muted">
        {trans.__('%1 · stored %2 by %3', detail.format, age(detail.created_at), detail.created_by)}
      </p>
    </div>
  );
}
