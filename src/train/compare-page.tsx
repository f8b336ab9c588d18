import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import type { Shapes } from '../client';
import { Chart } from '../components/chart';
import { DiffView } from '../components/diff-view';
import { Problem } from '../components/basics';
import { touches, useQuery } from '../components/use-query';
import { bytes, duration, value } from '../format';
import { CommandIDs, type IDsp } from '../tokens';
import { CurveGrid, Legend } from './curves';

type Comparison = Shapes['Comparison'];

/** What differs between 2 to 10 runs or versions. */
export function ComparePage(props: {
  dsp: IDsp;
  commands: CommandRegistry;
  rendermime: IRenderMimeRegistry;
  trans: TranslationBundle;
  refs: string[];
  visible: boolean;
}): React.ReactElement {
  const { dsp, trans, rendermime, commands, refs, visible } = props;
  const answer = useQuery(
    dsp,
    'train.compare',
    { refs },
    {
      visible,
      on: change => refs.some(ref => touches(change, 'run', ref))
    }
  );
  if (!answer.data) {
    return answer.error ? (
      <Problem error={answer.error} trans={trans} retry={answer.reload} />
    ) : (
      <p className="jp-Dsp-muted jp-Dsp-page">{trans.__('Comparing…')}</p>
    );
  }
  const data = answer.data;
  const curves = data.items.flatMap(item => item.series.map(series => ({ owner: item.label, series })));
  return (
    <div className="jp-Dsp-page jp-DspTrain-compare">
      <header className="jp-Dsp-pageHeader">
        <h2>{trans.__('Compare %1', data.items.map(item => item.label).join(', '))}</h2>
      </header>
      <p className="jp-Dsp-verdict">{data.verdict}</p>
      <DifferenceTable data={data} trans={trans} commands={commands} />
      {curves.length > 0 && (
        <>
          <h3>{trans.__('Curves')}</h3>
          <CurveGrid rendermime={rendermime} trans={trans} curves={curves} height={190} />
        </>
      )}
      <div className="jp-DspTrain-compareCharts">
        {data.items.length > 2 && <ParallelCoordinates data={data} rendermime={rendermime} trans={trans} />}
        <Pareto data={data} rendermime={rendermime} trans={trans} />
      </div>
      {data.code.length > 0 && <h3>{trans.__('Code, by cell, against %1', data.items[0]?.label ?? '')}</h3>}
      {data.code.map((change, index) => (
        <DiffView
          key={index}
          title={`${data.items.find(item => item.ref === change.ref)?.label ?? change.ref} · ${change.cell}`}
          lines={change.lines}
          trans={trans}
        />
      ))}
    </div>
  );
}

function DifferenceTable(props: {
  data: Comparison;
  trans: TranslationBundle;
  commands: CommandRegistry;
}): React.ReactElement {
  const { data, trans, commands } = props;
  const titles: { [section: string]: string } = {
    parameters: trans.__('Parameters'),
    metrics: trans.__('Metrics'),
    data: trans.__('Data'),
    environment: trans.__('Environment'),
    model: trans.__('Model'),
    run: trans.__('Run'),
    tags: trans.__('Tags')
  };
  let section = '';
  return (
    <div className="jp-Dsp-tableHost">
      <table className="jp-Dsp-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('What differs')}</th>
            {data.items.map(item => (
              <th scope="col" key={item.ref}>
                <button
                  className="jp-Dsp-link"
                  onClick={() =>
                    void (item.noun === 'run'
                      ? commands.execute(CommandIDs.openRun, { runId: item.run_id })
                      : commands.execute(CommandIDs.openModel, { model: item.model, version: item.version }))
                  }
                >
                  {item.label}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.rows.map(row => {
            const isFirst = row.section !== section;
            section = row.section;
            return (
              <React.Fragment key={`${row.section} ${row.field}`}>
                {isFirst && (
                  <tr className="jp-Dsp-tableSection">
                    <th colSpan={data.items.length + 1} scope="colgroup">
                      {titles[row.section]}
                    </th>
                  </tr>
                )}
                <tr>
                  <th scope="row" title={row.field}>
                    {fieldTitle(row)}
                  </th>
                  {row.values.map((cell, index) => (
                    <td key={index} data-best={row.best === index || undefined}>
                      {row.best === index && <span className="jp-Dsp-sr">{trans.__('best')} </span>}
                      {shown(row.field, cell)}
                    </td>
                  ))}
                </tr>
              </React.Fragment>
            );
          })}
        </tbody>
      </table>
      <p className="jp-Dsp-muted">{trans.__('%1 equal fields hidden', data.equal_count)}</p>
    </div>
  );
}

/** Our own fields in words; names that people gave stay as they are. */
function fieldTitle(row: Comparison['rows'][number]): string {
  return row.section === 'run' || row.section === 'model'
    ? row.field.replace(/_(s|bytes)$/, '').replace(/_/g, ' ')
    : row.field;
}

function shown(field: string, cell: unknown): string {
  if (typeof cell === 'number' && field.endsWith('_bytes')) {
    return bytes(cell);
  }
  if (typeof cell === 'number' && field.endsWith('_s')) {
    return duration(cell);
  }
  return Array.isArray(cell) ? cell.join(' → ') : value(cell);
}

/** One axis for each numeric parameter that differs, then the metrics. */
function ParallelCoordinates(props: {
  data: Comparison;
  rendermime: IRenderMimeRegistry;
  trans: TranslationBundle;
}): React.ReactElement | null {
  const rows = props.data.rows.filter(
    row =>
      (row.section === 'parameters' || (row.section === 'metrics' && row.field !== 'learning_rate')) &&
      row.values.every(cell => typeof cell === 'number')
  );
  if (rows.length < 2) {
    return null;
  }
  const label = props.trans.__('Parameters and metrics, each axis from lowest to highest');
  const owners = props.data.items.map(item => item.label);
  const axes = rows.slice(0, 10);
  const values = axes.flatMap(row => {
    const numbers = row.values as number[];
    const low = Math.min(...numbers);
    const high = Math.max(...numbers);
    return numbers.map((number, index) => ({
      axis: row.field,
      at: high === low ? 0.5 : (number - low) / (high - low),
      number,
      owner: props.data.items[index]?.label
    }));
  });
  return (
    <Chart
      rendermime={props.rendermime}
      height={220}
      trans={props.trans}
      label={label}
      caption={
        <>
          <span>{label}</span>
          <Legend entries={owners} />
        </>
      }
      spec={{
        data: { values },
        encoding: {
          x: {
            field: 'axis',
            type: 'nominal',
            sort: null,
            title: null,
            axis: { labelAngle: 0, labelLimit: 90, grid: false }
          },
          y: { field: 'at', type: 'quantitative', title: null, axis: null },
          color: { field: 'owner', type: 'nominal', legend: null, scale: { domain: owners } },
          tooltip: [
            { field: 'owner', title: props.trans.__('of') },
            { field: 'axis', title: props.trans.__('axis') },
            { field: 'number', title: props.trans.__('value'), format: '.4~g' }
          ]
        },
        layer: [
          {
            mark: { type: 'rule', color: '#9998' },
            encoding: {
              x: { field: 'axis', type: 'nominal', sort: null },
              y: { datum: 0 },
              y2: { datum: 1 },
              color: { value: '#9996' }
            }
          },
          { mark: { type: 'line' }, encoding: { detail: { field: 'owner', type: 'nominal' } } },
          { mark: { type: 'point', filled: true, size: 40 } }
        ]
      }}
    />
  );
}

/** The best metric against what it costs: size of the model, or time of the run. */
function Pareto(props: {
  data: Comparison;
  rendermime: IRenderMimeRegistry;
  trans: TranslationBundle;
}): React.ReactElement | null {
  const { data, trans } = props;
  const told = data.rows.filter(row => row.section === 'metrics' && row.best !== null).map(row => row.field);
  // the verdict's metric: what was measured on data that the model has not seen
  const metric =
    told.find(name => name === 'val_accuracy') ?? told.find(name => name.startsWith('val_')) ?? told[0];
  if (!metric) {
    return null;
  }
  const bySize = data.items.every(item => item.size_bytes);
  const points = data.items.map(item => ({
    label: item.label,
    y: item.metrics[metric] ?? null,
    x: bySize ? (item.size_bytes ?? 0) / 1e6 : (item.duration_s ?? null)
  }));
  const known = points.filter(point => point.x !== null && point.y !== null) as {
    label: string;
    x: number;
    y: number;
  }[];
  if (known.length < 2) {
    return null;
  }
  const unit = bySize ? trans.__('MB') : trans.__('s');
  const less = /loss|error|mse|mae/.test(metric);
  const front = known.filter(
    point =>
      !known.some(
        other =>
          other !== point &&
          other.x <= point.x &&
          (less ? other.y <= point.y : other.y >= point.y) &&
          (other.x < point.x || other.y !== point.y)
      )
  );
  return (
    <Chart
      rendermime={props.rendermime}
      height={220}
      trans={trans}
      label={trans.__(
        '%1 against %2; filled points are not beaten',
        metric,
        bySize ? trans.__('size') : trans.__('time')
      )}
      spec={{
        data: { values: known.map(point => ({ ...point, isBest: front.includes(point) })) },
        encoding: {
          x: {
            field: 'x',
            type: 'quantitative',
            title: unit,
            scale: { zero: false, padding: 20 }
          },
          y: { field: 'y', type: 'quantitative', title: metric, scale: { zero: false, padding: 20 } },
          tooltip: [
            { field: 'label', title: trans.__('of') },
            { field: 'y', title: metric, format: '.4~g' },
            { field: 'x', title: unit, format: '.3~g' }
          ]
        },
        layer: [
          {
            mark: { type: 'point', size: 90 },
            encoding: {
              fillOpacity: { condition: { test: 'datum.isBest', value: 1 }, value: 0 },
              fill: { field: 'label', type: 'nominal', legend: null, sort: null },
              color: { field: 'label', type: 'nominal', legend: null, sort: null }
            }
          },
          {
            mark: { type: 'text', dy: -11, fontSize: 10 },
            encoding: {
              text: { field: 'label' },
              color: { field: 'label', type: 'nominal', legend: null, sort: null }
            }
          }
        ]
      }}
    />
  );
}
