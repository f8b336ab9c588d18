import { Dialog, Notification, ReactWidget } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import { DspError, type Input, type Shapes } from '../client';
import { CopyLine } from '../components/basics';
import { DiffView } from '../components/diff-view';
import { bytes, value } from '../format';
import { CommandIDs, type IDsp } from '../tokens';
import { askKernel, type IKernelFacts, type ILiveModel, runInKernel } from './kernel-state';

type Plan = Shapes['ExportPlan'];

interface IDialogContext {
  dsp: IDsp;
  notebook: NotebookPanel;
  trans: TranslationBundle;
  commands: CommandRegistry;
}

/** What the dialog was left with. */
type Choice =
  | { kind: 'spec'; request: Input<'model.export'>; prove: boolean }
  | { kind: 'trained'; name: string; variable: string; message: string };

/** The choice, what the button says, and why there is no choice. */
type OnChoice = (choice: Choice | null, label: string, reason?: string) => void;

let isOpen = false;

/** Ask what to export and export it. */
export async function showExportDialog(context: IDialogContext): Promise<void> {
  if (isOpen) {
    return; // the kernel may take a while to answer: a second click is not a second dialog
  }
  isOpen = true;
  try {
    let facts: IKernelFacts | null = null;
    try {
      facts = await askKernel(context.notebook);
    } catch {
      facts = null; // a kernel without the platform: the document alone will do
    }
    await new ExportDialog(context, new ExportBody(context, facts)).launch();
  } finally {
    isOpen = false;
  }
}

/** Stays open until the export has succeeded: what was chosen is not lost by an error. */
class ExportDialog extends Dialog<Choice | null> {
  constructor(
    private readonly context: IDialogContext,
    private readonly form: ExportBody
  ) {
    super({
      title: context.trans.__('Export to the versioned store'),
      body: form,
      hasClose: true,
      focusNodeSelector: 'input[name="dsp-export-name"]',
      buttons: [
        Dialog.cancelButton({ label: context.trans.__('Cancel') }),
        Dialog.okButton({ label: context.trans.__('Export') })
      ]
    });
    this.addClass('jp-DspModel-dialog');
    form.stateChanged.connect(this._show, this);
    this._show();
  }

  override resolve(index: number = OK): void {
    if (index !== OK) {
      super.resolve(index);
      return;
    }
    // Enter exports from a text field or the button, not from a tick, a tab or a copy button
    const at = document.activeElement;
    if (this.form.node.contains(at) && !at?.matches('input[type="text"]')) {
      return;
    }
    const choice = this.form.getValue();
    if (choice === null || this.form.isBusy) {
      return;
    }
    this.form.begin();
    carryOut(choice, this.context).then(
      () => super.resolve(OK),
      (reason: unknown) => this.form.fail(reason instanceof Error ? reason.message : String(reason))
    );
  }

  override handleEvent(event: Event): void {
    super.handleEvent(event);
    if (event.type === 'input') {
      // the dialog enables its buttons after each key where no field is invalid
      this._show();
    }
  }

  private _show(): void {
    const button = this.node.querySelector<HTMLButtonElement>('.jp-Dialog-footer .jp-mod-accept');
    if (!button) {
      return;
    }
    button.disabled = this.form.getValue() === null || this.form.isBusy;
    button.title = this.form.reason;
    const text = button.querySelector('.jp-Dialog-buttonLabel');
    if (text) {
      const label = this.form.isBusy ? this.context.trans.__('Exporting…') : this.form.label;
      text.textContent = label;
      text.setAttribute('aria-label', label);
    }
  }
}

/** Place of the button that exports. */
const OK = 1;

async function carryOut(choice: Choice, { dsp, notebook, trans, commands }: IDialogContext): Promise<void> {
  if (choice.kind === 'trained') {
    const answer = JSON.parse(
      await runInKernel(
        notebook,
        `__import__('jupyterlab_dsp.magics.kernel_state', fromlist=['save']).save(` +
          `${JSON.stringify(choice.variable)}, ${JSON.stringify(choice.name)}, ${JSON.stringify(choice.message)})`
      )
    ) as { model: string; version: number };
    Notification.success(trans.__('%1 version %2 is stored.', answer.model, answer.version), {
      autoClose: 6000,
      actions: [
        {
          label: trans.__('Open'),
          callback: () => void commands.execute(CommandIDs.openModel, { ...answer })
        }
      ]
    });
    return;
  }
  if (choice.prove) {
    const run = await dsp.client.call<'train.prove'>('train.prove', choice.request);
    Notification.info(
      trans.__(
        'The cells run in a fresh process now; %1 is exported when they succeed.',
        choice.request.name
      ),
      {
        actions: [
          {
            label: trans.__('Watch'),
            callback: () => void commands.execute(CommandIDs.openRun, { runId: run.id })
          }
        ],
        autoClose: 8000
      }
    );
    return;
  }
  const spec = await dsp.client.call<'model.export'>('model.export', choice.request);
  Notification.success(
    trans.__('%1 version %2 is exported (commit %3).', spec.name, spec.version, spec.commit.slice(0, 8)),
    { autoClose: 6000 }
  );
}

class ExportBody extends ReactWidget implements Dialog.IBodyWidget<Choice | null> {
  constructor(
    private readonly context: IDialogContext,
    private readonly facts: IKernelFacts | null
  ) {
    super();
    this.label = context.trans.__('Export');
  }

  /** What the button says, and why it cannot be pressed. */
  label: string;
  reason = '';

  get stateChanged(): Signal<this, void> {
    return this._stateChanged;
  }

  get isBusy(): boolean {
    return this._isBusy;
  }

  getValue(): Choice | null {
    return this._choice;
  }

  begin(): void {
    this._isBusy = true;
    this._problem = '';
    this.update();
    this._stateChanged.emit();
  }

  fail(message: string): void {
    this._isBusy = false;
    this._problem = message;
    this.update();
    this._stateChanged.emit();
  }

  protected override render(): React.ReactElement {
    return (
      <>
        {this._problem && (
          <p className="jp-Dsp-problem" role="alert">
            {this._problem}
          </p>
        )}
        <ExportForm {...this.context} facts={this.facts} onChoice={this._take} />
      </>
    );
  }

  private readonly _take: OnChoice = (choice, label, reason = '') => {
    this._choice = choice;
    this.label = label;
    this.reason = reason;
    this._stateChanged.emit();
  };

  private _choice: Choice | null = null;
  private _isBusy = false;
  private _problem = '';
  private readonly _stateChanged = new Signal<this, void>(this);
}

function ExportForm(
  props: IDialogContext & {
    facts: IKernelFacts | null;
    onChoice: OnChoice;
  }
): React.ReactElement {
  const { trans, facts } = props;
  const models = facts?.models ?? [];
  const [tab, setTab] = React.useState<'spec' | 'trained'>('spec');
  const [name, setName] = React.useState(() => defaultName(props.notebook));
  const [message, setMessage] = React.useState('');
  const [next, setNext] = React.useState<number | null>(null);
  const fields = (
    <div className="jp-DspModel-fields">
      <label>
        <span>{trans.__('Name')}</span>
        <input
          type="text"
          name="dsp-export-name"
          className="jp-mod-styled"
          value={name}
          autoComplete="off"
          spellCheck={false}
          onChange={event => setName(event.target.value.trim())}
        />
        {tab === 'spec' && next !== null && (
          <span className="jp-DspModel-next">{trans.__('becomes version %1', next)}</span>
        )}
      </label>
      <label>
        <span>{trans.__('Message')}</span>
        <input
          type="text"
          name="dsp-export-message"
          className="jp-mod-styled"
          placeholder={trans.__('Why this version?')}
          value={message}
          onChange={event => setMessage(event.target.value)}
        />
      </label>
    </div>
  );
  return (
    <div className="jp-DspModel-export">
      <div
        role="tablist"
        className="jp-DspModel-tabs"
        aria-label={trans.__('What to export')}
        onKeyDown={event => {
          // not buttons: the dialog keeps Enter and the arrows of buttons for its own
          if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
            const other = tab === 'spec' ? 'trained' : 'spec';
            setTab(other);
            event.currentTarget.querySelector<HTMLElement>(`[data-tab=${other}]`)?.focus();
          }
        }}
      >
        {(['spec', 'trained'] as const).map(one => (
          <div
            key={one}
            role="tab"
            id={`jp-dsp-export-tab-${one}`}
            data-tab={one}
            tabIndex={tab === one ? 0 : -1}
            aria-selected={tab === one}
            aria-controls="jp-dsp-export-panel"
            onClick={() => setTab(one)}
          >
            {one === 'spec'
              ? trans.__('The untrained model (Spec)')
              : trans.__('A trained model from this kernel (%1)', models.length)}
          </div>
        ))}
      </div>
      <div role="tabpanel" id="jp-dsp-export-panel" aria-labelledby={`jp-dsp-export-tab-${tab}`}>
        {tab === 'spec' ? (
          <SpecForm {...props} name={name} message={message} fields={fields} onNext={setNext} />
        ) : (
          <TrainedForm {...props} models={models} name={name} message={message} fields={fields} />
        )}
      </div>
    </div>
  );
}

function defaultName(notebook: NotebookPanel): string {
  const file = notebook.context.path.split('/').pop() ?? 'model';
  for (const cell of notebook.content.model?.cells ?? []) {
    const match = /^%%dsp\s+train\b.*--name[=\s]+([\w.-]+)/.exec(cell.sharedModel.getSource());
    if (match?.[1]) {
      return match[1];
    }
  }
  return file.replace(/\.ipynb$/, '').replace(/[^A-Za-z0-9._-]+/g, '-') || 'model';
}

/** The active cell where it is one that trains; null leaves it to the server, which takes the last that does. */
function trainingCell(notebook: NotebookPanel): string | null {
  const active = notebook.content.activeCell?.model;
  return active?.type === 'code' && /^\s*%%dsp\s+train\b/.test(active.sharedModel.getSource())
    ? active.id
    : null;
}

/** The code cells as the contract takes them. */
export function codeCells(notebook: NotebookPanel, facts: IKernelFacts | null): Shapes['CodeCell'][] {
  const cells: Shapes['CodeCell'][] = [];
  let index = 0;
  for (const cell of notebook.content.model?.cells ?? []) {
    if (cell.type === 'code') {
      cells.push({
        id: cell.id,
        source: cell.sharedModel.getSource(),
        index,
        execution_count: (cell.toJSON() as { execution_count?: number | null }).execution_count ?? null,
        execution_source: facts?.ran[cell.id] ?? null
      });
    }
    index += 1;
  }
  return cells;
}

function SpecForm(
  props: IDialogContext & {
    facts: IKernelFacts | null;
    name: string;
    message: string;
    fields: React.ReactElement;
    onNext: (version: number | null) => void;
    onChoice: OnChoice;
  }
): React.ReactElement {
  const { dsp, notebook, trans, facts, name, message, onChoice } = props;
  const [keep, setKeep] = React.useState<string[] | null>(null);
  const [files, setFiles] = React.useState<string[] | null>(null);
  const [prove, setProve] = React.useState(false);
  const [plan, setPlan] = React.useState<Plan | null>(null);
  const [error, setError] = React.useState<string | null>(null);
  const first = React.useRef<string[] | null>(null);
  const request = React.useMemo(
    () => ({
      name,
      cells: codeCells(notebook, facts),
      target: trainingCell(notebook),
      keep,
      files,
      notebook: notebook.context.path,
      folder: facts?.folder ?? '',
      params: {},
      kernel: facts ? { python: facts.python, environment: facts.environment, names: facts.names } : null
    }),
    [name, keep, files, notebook, facts]
  );

  React.useEffect(() => {
    let isCurrent = true;
    const timer = setTimeout(() => {
      dsp.client.call('model.plan-export', request).then(
        answer => {
          if (isCurrent) {
            first.current ??= answer.cells.filter(cell => cell.included).map(cell => cell.id);
            setPlan(answer);
            setError(null);
          }
        },
        (reason: unknown) => {
          if (isCurrent) {
            setError(reason instanceof DspError ? reason.message : String(reason));
          }
        }
      );
    }, 250);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [dsp, request]);

  const isReady = plan !== null && error === null && plan.problems.length === 0 && plan.name === name;
  const reason = error ?? plan?.problems.join(' ') ?? trans.__('Looking at the cells…');
  const { onNext } = props;
  React.useEffect(() => {
    onNext(error === null && plan ? plan.next_version : null);
  }, [onNext, plan, error]);
  React.useEffect(() => {
    const label = plan ? trans.__('Export version %1', plan.next_version) : trans.__('Export');
    onChoice(
      isReady && plan
        ? {
            kind: 'spec',
            prove,
            request: {
              ...request,
              message,
              document: notebook.content.model?.toJSON() as unknown as { [key: string]: unknown },
              expect: plan.diff.base_version ?? 0
            }
          }
        : null,
      label,
      isReady ? '' : reason
    );
  }, [isReady, reason, plan, prove, message, request, notebook, onChoice, trans]);

  if (!plan) {
    return (
      <div className="jp-DspModel-columns">
        <div>
          {props.fields}
          {error ? (
            <p className="jp-Dsp-fieldError" role="alert">
              {error}
            </p>
          ) : (
            <p className="jp-Dsp-muted">{trans.__('Looking at the cells…')}</p>
          )}
        </div>
      </div>
    );
  }
  const included = plan.cells.filter(cell => cell.included);
  const tick = (id: string, isTicked: boolean) => {
    const now = new Set(included.map(cell => cell.id));
    if (isTicked) {
      now.add(id);
    } else {
      now.delete(id);
    }
    setKeep(plan.cells.filter(cell => now.has(cell.id)).map(cell => cell.id));
  };
  // what the data flow found, what is ticked and what has a warning is seen at once, the rest on demand
  const isMain = (cell: Plan['cells'][number]) =>
    cell.included || cell.warnings.length > 0 || first.current?.includes(cell.id) === true;
  const main = plan.cells.filter(isMain);
  const others = plan.cells.filter(cell => !isMain(cell));
  const line = (cell: Plan['cells'][number]) => (
    <li key={cell.id} data-warn={cell.warnings.length > 0 || undefined}>
      <label title={cell.source}>
        <input
          type="checkbox"
          checked={cell.included}
          disabled={cell.id === plan.target}
          onChange={event => tick(cell.id, event.target.checked)}
        />
        <span>
          <span className="jp-Dsp-muted">[{cell.index + 1}]</span> <code>{cell.title}</code>{' '}
          <span className="jp-Dsp-muted">{cell.reason}</span>
          {cell.warnings.map(text => (
            <span key={text} className="jp-Dsp-warning">
              {text}
            </span>
          ))}
        </span>
      </label>
    </li>
  );
  const packages = Object.keys((plan.environment['packages'] as object | undefined) ?? {});
  return (
    <div className="jp-DspModel-columns">
      <div>
        {props.fields}
        {error && (
          <p className="jp-Dsp-fieldError" role="alert">
            {error}
          </p>
        )}
        {plan.problems.map(text => (
          <p key={text} className="jp-Dsp-problem" role="alert">
            {text}
          </p>
        ))}
        {plan.warnings.map(text => (
          <p key={text} className="jp-Dsp-warning">
            {text}
          </p>
        ))}
        <h3>
          {trans.__('Cells')}{' '}
          <span className="jp-Dsp-muted">
            {trans.__('%1 of %2', included.length, plan.cells.length)}
            {keep === null ? trans.__(', found by data flow') : ''}
          </span>
          {keep !== null && (
            <button
              className="jp-Dsp-link"
              onClick={event => {
                // the button goes away: the focus must not go with it, or the dialog hears no key any more
                event.currentTarget
                  .closest('.jp-Dialog')
                  ?.querySelector<HTMLElement>('input[name="dsp-export-name"]')
                  ?.focus();
                setKeep(null);
              }}
            >
              {trans.__('as the data flow says')}
            </button>
          )}
        </h3>
        <ul className="jp-DspModel-ticks">{main.map(line)}</ul>
        {others.length > 0 && (
          <details>
            <summary>
              {trans._n('%1 other cell', '%1 other cells', others.length)}{' '}
              <span className="jp-Dsp-muted">{trans.__('not needed')}</span>
            </summary>
            <ul className="jp-DspModel-ticks">{others.map(line)}</ul>
          </details>
        )}
        <h3>{trans.__('Parameters')}</h3>
        <p>
          {plan.parameters.length === 0
            ? trans.__('None: no top-level name is assigned a literal.')
            : plan.parameters.map(parameter => `${parameter.name} = ${value(parameter.default)}`).join(' · ')}
        </p>
        <h3>{trans.__('Comes along')}</h3>
        <ul className="jp-DspModel-ticks">
          {plan.files.map(file => (
            <li key={file.path}>
              <label>
                <input
                  type="checkbox"
                  checked={file.included}
                  onChange={event => {
                    const now = new Set(plan.files.filter(one => one.included).map(one => one.path));
                    if (event.target.checked) {
                      now.add(file.path);
                    } else {
                      now.delete(file.path);
                    }
                    setFiles([...now]);
                  }}
                />
                <span>
                  {file.path}{' '}
                  <span className="jp-Dsp-muted">{`${file.used_by} · ${bytes(file.size_bytes)}`}</span>
                </span>
              </label>
            </li>
          ))}
          <li className="jp-Dsp-muted">{trans.__('environment: %1 packages', packages.length)}</li>
        </ul>
      </div>
      <div>
        <ChangeList diff={plan.diff} trans={trans} />
        <label className="jp-DspModel-prove">
          <input type="checkbox" checked={prove} onChange={event => setProve(event.target.checked)} />{' '}
          {trans.__('Prove it first: run these cells in a fresh process')}
        </label>
        <p className="jp-Dsp-muted">{trans.__('The same from a cell:')}</p>
        <CopyLine
          text={`${plan.magic}${message ? ` -m ${JSON.stringify(message)}` : ''}${prove ? ' --prove' : ''}`}
          trans={trans}
        />
      </div>
    </div>
  );
}

/** The semantic diff in words, then the code. */
export function ChangeList(props: { diff: Plan['diff']; trans: TranslationBundle }): React.ReactElement {
  const { diff, trans } = props;
  const sections: [string, Shapes['Change'][]][] = [
    [trans.__('Architecture'), diff.architecture],
    [trans.__('Parameters'), diff.parameters],
    [trans.__('Data'), diff.data],
    [trans.__('Environment'), diff.environment],
    [trans.__('Files'), diff.files]
  ];
  if (diff.base_version === null) {
    return <h3>{trans.__('This is the first version.')}</h3>;
  }
  return (
    <div className="jp-DspModel-changes">
      <h3>{trans.__('What changes from version %1', diff.base_version)}</h3>
      {diff.is_empty && <p className="jp-Dsp-muted">{trans.__('Nothing changes.')}</p>}
      {sections
        .filter(([, changes]) => changes.length > 0)
        .map(([title, changes]) => (
          <div key={title}>
            <strong>{title}</strong>
            <ul>
              {changes.map((change, index) => (
                <li key={index} data-kind={change.kind}>
                  {change.text}
                </li>
              ))}
            </ul>
          </div>
        ))}
      {diff.code.map((change, index) => (
        <DiffView key={index} title={change.cell} lines={change.lines} trans={trans} />
      ))}
    </div>
  );
}

function TrainedForm(
  props: IDialogContext & {
    models: ILiveModel[];
    facts: IKernelFacts | null;
    name: string;
    message: string;
    fields: React.ReactElement;
    onChoice: OnChoice;
  }
): React.ReactElement {
  const { models, trans, name, message, onChoice } = props;
  const [variable, setVariable] = React.useState(models[0]?.variable ?? '');
  const isName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name);
  React.useEffect(() => {
    onChoice(
      variable && isName ? { kind: 'trained', name, variable, message } : null,
      trans.__('Store %1', variable || trans.__('the model')),
      variable ? (isName ? '' : trans.__('The name is not one.')) : trans.__('No model is chosen.')
    );
  }, [variable, name, message, isName, onChoice, trans]);
  return (
    <div className="jp-DspModel-columns">
      <div>
        {props.fields}
        {!isName && (
          <p className="jp-Dsp-fieldError" role="alert">
            {trans.__("A name has letters, digits, '.', '_' and '-', and starts with a letter or digit.")}
          </p>
        )}
        <h3>{trans.__('Models alive in the kernel')}</h3>
        {props.facts === null && (
          <p className="jp-Dsp-muted">
            {trans.__(
              'The kernel is not there or does not know the platform. Run %load_ext jupyterlab_dsp in it.'
            )}
          </p>
        )}
        {props.facts !== null && models.length === 0 && (
          <p className="jp-Dsp-muted">{trans.__('None yet: run the cells that build a model.')}</p>
        )}
        <ul className="jp-DspModel-ticks">
          {models.map(model => (
            <li key={model.variable}>
              <label>
                <input
                  type="radio"
                  name="dsp-export-variable"
                  checked={variable === model.variable}
                  onChange={() => setVariable(model.variable)}
                />
                <span>
                  <code>{model.variable}</code>{' '}
                  <span className="jp-Dsp-muted">{`${model.label} · ${model.format}`}</span>
                </span>
              </label>
            </li>
          ))}
        </ul>
      </div>
      <div>
        <p className="jp-Dsp-muted">{trans.__('The same from a cell:')}</p>
        <CopyLine
          text={`dsp.save(${variable || 'model'}, "${name}"${message ? `, message=${JSON.stringify(message)}` : ''})`}
          trans={trans}
        />
      </div>
    </div>
  );
}
