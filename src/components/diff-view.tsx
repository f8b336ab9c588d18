import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Shapes } from '../client';

/** Equal lines kept around a change. */
const AROUND = 3;

/** A line diff: added and removed lines are marked by sign and colour, long equal stretches are folded. */
export function DiffView(props: {
  title?: string;
  lines: Shapes['DiffLine'][];
  trans: TranslationBundle;
}): React.ReactElement {
  const { lines, trans } = props;
  const near = new Set<number>();
  lines.forEach((line, index) => {
    if (line.op !== 'same') {
      for (let at = index - AROUND; at <= index + AROUND; at += 1) {
        near.add(at);
      }
    }
  });
  const rows: React.ReactElement[] = [];
  let hidden = 0;
  const flush = (key: number) => {
    if (hidden) {
      rows.push(
        <div key={`fold-${key}`} className="jp-Dsp-diffFold">
          {trans.__('%1 equal lines', hidden)}
        </div>
      );
      hidden = 0;
    }
  };
  lines.forEach((line, index) => {
    if (!near.has(index)) {
      hidden += 1;
      return;
    }
    flush(index);
    const sign = line.op === 'added' ? '+' : line.op === 'removed' ? '-' : ' ';
    rows.push(
      <div key={index} className="jp-Dsp-diffLine" data-op={line.op}>
        <span aria-hidden="true">{sign} </span>
        {line.op !== 'same' && <span className="jp-Dsp-sr">{line.op} </span>}
        {line.text}
      </div>
    );
  });
  flush(lines.length);
  return (
    <figure className="jp-Dsp-diff">
      {props.title && <figcaption>{props.title}</figcaption>}
      <div className="jp-Dsp-code">{rows}</div>
    </figure>
  );
}
