import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Chart, PALETTE } from '../components/chart';
import type { Shapes } from '../client';

type Series = Shapes['Series'];

export interface INamedSeries {
  /** Which run or version; empty where there is only one. */
  owner: string;
  series: Series;
}

/** "val_loss" and "loss" share a chart; "train" and "validation" are its lines. */
export function metricFamily(name: string): string {
  return name.replace(/^(val|validation|test|train)[_/]/, '');
}

export function metricSide(name: string): string {
  const match = /^(val|validation|test)[_/]/.exec(name);
  return match ? (match[1] === 'test' ? 'test' : 'validation') : 'train';
}

/** Families in the order that people look at them: loss, accuracy, the rest; the learning rate last. */
export function families(names: string[]): string[] {
  const rank = (family: string) =>
    family === 'loss' ? 0 : family.includes('acc') ? 1 : family === 'learning_rate' ? 9 : 5;
  return [...new Set(names.map(metricFamily))].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** One chart for each metric family; epoch curves are preferred to step curves. */
export function CurveGrid(props: {
  rendermime: IRenderMimeRegistry;
  trans: TranslationBundle;
  curves: INamedSeries[];
  height?: number;
  most?: number;
}): React.ReactElement {
  const { trans } = props;
  const byEpoch = props.curves.filter(curve => curve.series.unit === 'epoch');
  const steps = props.curves.filter(
    curve => curve.series.unit === 'step' && !byEpoch.some(other => other.series.name === curve.series.name)
  );
  // before the first epoch has ended only steps are known
  const curves = [...byEpoch, ...steps].filter(curve => !isDull(curve.series));
  const shown = families(curves.map(curve => curve.series.name)).slice(0, props.most);
  const owners = [...new Set(curves.map(curve => curve.owner))];
  const words = sides(trans);
  return (
    <>
      {owners.length > 1 && (
        <p className="jp-Dsp-legend">
          <Legend entries={owners} />
        </p>
      )}
      <div className="jp-DspTrain-curves">
        {shown.map(family => {
          const lines = curves.filter(curve => metricFamily(curve.series.name) === family);
          const there = Object.keys(words).filter(side =>
            lines.some(curve => metricSide(curve.series.name) === side)
          );
          const title = family.replace(/_/g, ' ');
          return (
            <Chart
              key={family}
              rendermime={props.rendermime}
              trans={trans}
              height={props.height ?? 150}
              label={title}
              caption={
                <>
                  <span>{title}</span>
                  {there.length > 1 && (
                    <Legend
                      entries={Object.keys(words).map(side => words[side] ?? side)}
                      shown={there.map(side => words[side] ?? side)}
                      isDashed
                      isColoured={owners.length === 1}
                    />
                  )}
                </>
              }
              spec={curveSpec(family, lines, owners, trans)}
            />
          );
        })}
      </div>
    </>
  );
}

/** A learning rate that never changes says nothing that the parameters do not. */
function isDull(series: Series): boolean {
  return series.name === 'learning_rate' && series.y.every(y => y === series.y[0]);
}

/** Which line is whose: colours in the order of the palette, dashes for train, validation, test. */
export function Legend(props: {
  entries: string[];
  shown?: string[];
  isDashed?: boolean;
  isColoured?: boolean;
}): React.ReactElement {
  const { entries, shown = entries, isDashed = false, isColoured = true } = props;
  return (
    <>
      {entries.map((entry, index) => {
        const [variable, fallback] = PALETTE[index % PALETTE.length] ?? ['', 'gray'];
        return shown.includes(entry) ? (
          <span key={entry} className="jp-Dsp-legendEntry">
            <i
              data-dash={isDashed && index > 0 ? index : undefined}
              style={isColoured ? { color: `var(${variable}, ${fallback})` } : undefined}
            />
            {entry}
          </span>
        ) : null;
      })}
    </>
  );
}

/** Metric sides as people read them, in the order in which colours and dashes go. */
function sides(trans: TranslationBundle): { [side: string]: string } {
  return {
    train: trans.__('train'),
    validation: trans.__('validation'),
    test: trans.__('test')
  };
}

/** Vega-Lite of one family. Several owners: a colour each; one owner: a colour for train, one for validation. */
export function curveSpec(
  family: string,
  curves: INamedSeries[],
  owners: string[],
  trans: TranslationBundle
): { [key: string]: unknown } {
  const unit = curves[0]?.series.unit ?? 'epoch';
  const unitName = unit === 'epoch' ? trans.__('epoch') : trans.__('step');
  const words = sides(trans);
  const byOwner = owners.length > 1;
  const values = curves.flatMap(({ owner, series }) =>
    series.x.map((x, index) => ({
      x,
      y: series.y[index],
      owner,
      side: words[metricSide(series.name)]
    }))
  );
  const points = Math.max(0, ...curves.map(curve => curve.series.x.length));
  return {
    data: { values },
    mark: { type: 'line', point: points < 3, interpolate: 'linear', invalid: 'break-paths-filter-domains' },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        title: unitName,
        axis: { tickMinStep: 1, grid: false, labelFlush: true },
        scale: { zero: false, nice: false }
      },
      y: {
        field: 'y',
        type: 'quantitative',
        title: null,
        axis: { tickCount: 4, format: '~g' },
        scale: { zero: false }
      },
      color: byOwner
        ? { field: 'owner', type: 'nominal', legend: null, scale: { domain: owners } }
        : { field: 'side', type: 'nominal', legend: null, scale: { domain: Object.values(words) } },
      strokeDash: {
        field: 'side',
        type: 'nominal',
        legend: null,
        scale: {
          domain: Object.values(words),
          range: [
            [1, 0],
            [4, 3],
            [1, 2]
          ]
        }
      },
      tooltip: [
        { field: 'x', title: unitName },
        { field: 'y', title: family, format: '.4~g' },
        {
          field: byOwner ? 'owner' : 'side',
          title: byOwner ? trans.__('of') : trans.__('measured on')
        }
      ]
    }
  };
}
