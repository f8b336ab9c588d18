import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Chart } from '../components/chart';
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
  const byEpoch = props.curves.filter(curve => curve.series.unit === 'epoch');
  const steps = props.curves.filter(
    curve => curve.series.unit === 'step' && !byEpoch.some(other => other.series.name === curve.series.name)
  );
  // before the first epoch has ended only steps are known
  const curves = [...byEpoch, ...steps];
  const shown = families(curves.map(curve => curve.series.name)).slice(0, props.most);
  const owners = new Set(curves.map(curve => curve.owner));
  return (
    <div className="jp-DspTrain-curves">
      {shown.map(family => (
        <Chart
          key={family}
          rendermime={props.rendermime}
          height={props.height ?? 150}
          label={family}
          spec={curveSpec(
            family,
            curves.filter(curve => metricFamily(curve.series.name) === family),
            owners.size > 1,
            props.trans
          )}
        />
      ))}
    </div>
  );
}

/** Vega-Lite of one family. Several owners: a colour each; one owner: a colour for train, one for validation. */
export function curveSpec(
  family: string,
  curves: INamedSeries[],
  byOwner: boolean,
  trans: TranslationBundle
): { [key: string]: unknown } {
  const unit = curves[0]?.series.unit ?? 'epoch';
  const unitName = unit === 'epoch' ? trans.__('epoch') : trans.__('step');
  // the words of the legend, in the order in which the colours go
  const sides: { [side: string]: string } = {
    train: trans.__('train'),
    validation: trans.__('validation'),
    test: trans.__('test')
  };
  const values = curves.flatMap(({ owner, series }) =>
    series.x.map((x, index) => ({
      x,
      y: series.y[index],
      owner,
      side: sides[metricSide(series.name)]
    }))
  );
  const points = Math.max(0, ...curves.map(curve => curve.series.x.length));
  return {
    title: family.replace(/_/g, ' '),
    data: { values },
    mark: { type: 'line', point: points < 3, interpolate: 'linear', invalid: 'break-paths-filter-domains' },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: unitName, axis: { tickMinStep: 1, grid: false } },
      y: { field: 'y', type: 'quantitative', title: null, scale: { zero: false } },
      color: byOwner
        ? { field: 'owner', type: 'nominal', title: null, legend: { orient: 'bottom' }, sort: null }
        : {
            field: 'side',
            type: 'nominal',
            title: null,
            legend: { orient: 'top' },
            sort: Object.values(sides)
          },
      strokeDash: {
        field: 'side',
        type: 'nominal',
        legend: null,
        scale: {
          domain: Object.values(sides),
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
        { field: byOwner ? 'owner' : 'side', title: byOwner ? trans.__('of') : trans.__('measured on') }
      ]
    }
  };
}
