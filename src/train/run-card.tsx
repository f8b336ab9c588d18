import { ReactWidget } from '@jupyterlab/apputils';
import type { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import * as React from 'react';
import { Problem, ProgressBar, share } from '../components/basics';
import { value } from '../format';
import type { IDsp } from '../tokens';
import { CurveGrid } from './curves';
import { LogView } from './log-view';
import { type IRunViewProps, RunHeader, RunProblem, useRun } from './run-page';

/** Output of `%%dsp train`: only the id of the run, so that the card is live again after any restart. */
export const RUN_MIME = 'application/vnd.dsp.run+json';

function RunCard(props: IRunViewProps): React.ReactElement {
  const { trans, dsp, commands, rendermime } = props;
  const { run, curves, isLive } = useRun(props);
  if (!run.data) {
    return run.error ? (
      <Problem error={run.error} trans={trans} retry={run.reload} />
    ) : (
      <p className="jp-Dsp-muted">{trans.__('Loading run %1…', props.runId)}</p>
    );
  }
  const series = (curves.data?.series ?? []).filter(one => one.name !== 'learning_rate');
  const metrics = Object.entries(run.data.metrics).filter(([name]) => name !== 'learning_rate');
  const log = (
    <LogView
      dsp={dsp}
      runId={run.data.id}
      visible={props.visible}
      isLive={isLive}
      trans={trans}
      height={150}
    />
  );
  return (
    <article className="jp-DspTrain-card" aria-label={trans.__('Run %1 of %2', run.data.id, run.data.name)}>
      <RunHeader run={run.data} commands={commands} trans={trans} isCard />
      {run.error && <p className="jp-Dsp-warning">{run.error.message}</p>}
      {isLive && <ProgressBar value={share(run.data.progress)} label={trans.__('Progress')} />}
      <RunProblem run={run.data} trans={trans} />
      <div className="jp-DspTrain-cardBody">
        {series.length > 0 && dsp.preferences.cardCurves > 0 && (
          <CurveGrid
            rendermime={rendermime}
            trans={trans}
            height={140}
            most={dsp.preferences.cardCurves}
            curves={series.map(one => ({ owner: '', series: one }))}
          />
        )}
        {run.data.problem?.traceback ? (
          // the traceback above says what matters; what was printed before is one click away
          <details>
            <summary>{trans.__('Output')}</summary>
            {log}
          </details>
        ) : (
          log
        )}
      </div>
      {metrics.length > 0 && (
        <p className="jp-DspTrain-cardMetrics" aria-live="off">
          {metrics.slice(0, 8).map(([name, number]) => (
            <span key={name}>
              <span className="jp-Dsp-muted">{name}</span> {value(number)}
            </span>
          ))}
        </p>
      )}
    </article>
  );
}

/** Draws the live card in a notebook's output. */
export class RunCardRenderer extends ReactWidget implements IRenderMime.IRenderer {
  constructor(
    private readonly context: {
      dsp: IDsp;
      commands: CommandRegistry;
      rendermime: () => IRenderMimeRegistry;
      trans: TranslationBundle;
    }
  ) {
    super();
    this.addClass('jp-DspTrain-output');
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const data = model.data[RUN_MIME] as { run_id?: unknown } | undefined;
    this._runId = typeof data?.run_id === 'string' && /^[0-9a-f]{12}$/.test(data.run_id) ? data.run_id : null;
    this.update();
    return this.renderPromise ?? Promise.resolve();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    // a card far down the notebook costs nothing until it is scrolled into view
    this._observer = new IntersectionObserver(entries => {
      const isSeen = entries.some(entry => entry.isIntersecting);
      if (isSeen !== this._isSeen) {
        this._isSeen = isSeen;
        this.update();
      }
    });
    this._observer.observe(this.node);
  }

  protected override onBeforeDetach(msg: Message): void {
    this._observer?.disconnect();
    super.onBeforeDetach(msg);
  }

  protected override render(): React.ReactElement {
    const { dsp, commands, rendermime, trans } = this.context;
    if (this._runId === null) {
      return <p className="jp-Dsp-muted">{trans.__('This output names no run.')}</p>;
    }
    return (
      <RunCard
        dsp={dsp}
        commands={commands}
        rendermime={rendermime()}
        trans={trans}
        runId={this._runId}
        visible={this._isSeen}
      />
    );
  }

  private _runId: string | null = null;
  private _isSeen = false;
  private _observer: IntersectionObserver | null = null;
}
