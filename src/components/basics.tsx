import type { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon, refreshIcon } from '@jupyterlab/ui-components';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import * as React from 'react';
import type { DspError } from '../client';
import type { RunRow } from '../tokens';

/** The state of a run: colour, and the word for those who do not see colours. */
export function StateDot(props: { state: RunRow['state']; trans: TranslationBundle }): React.ReactElement {
  const words = stateWords(props.trans);
  return (
    <span
      className="jp-Dsp-dot"
      data-state={props.state}
      role="img"
      aria-label={words[props.state]}
      title={words[props.state]}
    />
  );
}

export function stateWords(trans: TranslationBundle): { [state in RunRow['state']]: string } {
  return {
    starting: trans.__('starting'),
    running: trans.__('running'),
    succeeded: trans.__('succeeded'),
    failed: trans.__('failed'),
    stopped: trans.__('stopped'),
    killed: trans.__('killed'),
    lost: trans.__('lost')
  };
}

/** Share of the work that is done, 0 to 1, or null when it cannot be known. */
export function share(progress: RunRow['progress']): number | null {
  if (!progress?.epochs) {
    return null;
  }
  const inside = progress.steps && progress.step ? Math.min(progress.step / progress.steps, 1) : 0;
  const begun = Math.max((progress.epoch ?? 1) - 1, 0);
  return Math.min((begun + inside) / progress.epochs, 1);
}

export function ProgressBar(props: { value: number | null; label: string }): React.ReactElement {
  const percent = props.value === null ? undefined : Math.round(props.value * 100);
  return (
    <div
      className="jp-Dsp-progress"
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      data-unknown={props.value === null || undefined}
    >
      <div style={{ width: `${percent ?? 100}%` }} />
    </div>
  );
}

/** A small button of pages and cards. `primary` is the one that most people want; `danger` ends or removes. */
export function Action(props: {
  onClick: () => void;
  kind?: 'primary' | 'danger';
  disabled?: boolean;
  title?: string;
  children: React.ReactNode;
}): React.ReactElement {
  return (
    <button
      type="button"
      className="jp-Dsp-button"
      data-kind={props.kind}
      disabled={props.disabled}
      title={props.title}
      onClick={props.onClick}
    >
      {props.children}
    </button>
  );
}

/** What a page or section shows instead of its content when a call failed. */
export function Problem(props: {
  error: DspError;
  trans: TranslationBundle;
  retry?: () => void;
}): React.ReactElement {
  const { error, trans } = props;
  return (
    <div className="jp-Dsp-problem" role="alert">
      <strong>{error.body.message}</strong>
      {error.isMissingServer ? (
        <>
          <p>{trans.__('Install it where Jupyter runs, then restart the server:')}</p>
          <CopyLine text={'pip install "jupyterlab-dsp[lab]"'} trans={trans} />
        </>
      ) : (
        error.body.hint && <p>{error.body.hint}</p>
      )}
      {props.retry && (
        <Action onClick={props.retry}>
          <refreshIcon.react tag="span" /> {trans.__('Try again')}
        </Action>
      )}
    </div>
  );
}

/** What is shown is an older answer: why there is no newer one. */
export function Stale(props: { error: DspError; trans: TranslationBundle }): React.ReactElement {
  return (
    <p className="jp-Dsp-warning" role="status" title={props.error.body.hint ?? undefined}>
      {props.trans.__('%1 This is what it said before.', props.error.body.message)}
    </p>
  );
}

/** A line of code with a button that copies it. */
export function CopyLine(props: { text: string; trans: TranslationBundle }): React.ReactElement {
  return (
    <div className="jp-Dsp-copy">
      <code>{props.text}</code>
      <button
        className="jp-Dsp-iconButton"
        title={props.trans.__('Copy')}
        aria-label={props.trans.__('Copy %1', props.text)}
        onClick={() => {
          Clipboard.copyToSystem(props.text);
          Notification.info(props.trans.__('Copied.'), { autoClose: 1500 });
        }}
      >
        <copyIcon.react tag="span" />
      </button>
    </div>
  );
}

/** One sentence and the magic that fills the section. */
export function EmptyState(props: {
  text: string;
  magic: string;
  trans: TranslationBundle;
}): React.ReactElement {
  return (
    <div className="jp-Dsp-empty">
      <p>{props.text}</p>
      <CopyLine text={props.magic} trans={props.trans} />
    </div>
  );
}

/** A filter field that tells its value when the typing pauses. */
export function FilterBox(props: {
  label: string;
  placeholder: string;
  value: string;
  onChange: (text: string) => void;
  error?: string | null;
}): React.ReactElement {
  const [text, setText] = React.useState(props.value);
  const { onChange } = props;
  React.useEffect(() => {
    const timer = setTimeout(() => onChange(text.trim()), 300);
    return () => clearTimeout(timer);
  }, [text, onChange]);
  return (
    <div className="jp-Dsp-filter">
      <input
        type="search"
        className="jp-mod-styled"
        aria-label={props.label}
        aria-invalid={props.error ? true : undefined}
        placeholder={props.placeholder}
        value={text}
        onChange={event => setText(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape') {
            setText('');
          }
        }}
      />
      {props.error && (
        <div className="jp-Dsp-fieldError" role="alert">
          {props.error}
        </div>
      )}
    </div>
  );
}

/** Aliases and tags. */
export function Chip(props: { text: string; strong?: boolean; title?: string }): React.ReactElement {
  return (
    <span className="jp-Dsp-chip" data-strong={props.strong || undefined} title={props.title}>
      {props.text}
    </span>
  );
}
