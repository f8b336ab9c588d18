import { Dialog, Notification, ReactWidget } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
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

/** Ask what to export and export it. */
export async function showExportDialog(context: IDialogContext): Promise<void> {
  const { dsp, notebook, trans, commands } = context;
  let facts: IKernelFacts | null = null;
  try {
    facts = await askKernel(notebook);
  } catch {
    facts = null; // a kernel without the platform: the document alone will do
  }
  const body = new ExportBody(context, facts);
  const dialog = new Dialog<Choice | null>({
    title: trans.__('Export to the versioned store'),
    body,
    hasClose: true,
    focusNodeSelector: 'input[name="dsp-export-name"]',
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Export') })
    ]
  });
  dialog.addClass('jp-DspModel-dialog');
  const okButton = () =>
    dialog.node.querySelector<HTMLButtonElement>('.jp-Dialog-footer .jp-mod-accept:not(.jp-mod-reject)');
  body.onState = (label, enabled) => {
    const button = okButton();
    if (button) {
      button.disabled = !enabled;
      const text = button.querySelector('.jp-Dialog-buttonLabel');
      if (text) {
        text.textContent = label;
      }
    }
  };
  const result = await dialog.launch();
  if (!result.button.accept || !result.value) {
    return;
  }
  try {
    await carryOut(result.value, { dsp, notebook, trans, commands });
  } catch (reason) {
    Notification.error(reason instanceof Error ? reason.message : String(reason), { autoClose: false });
  }
}

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
  }

  onState: (label: string, enabled: boolean) => void = () => undefined;

  getValue(): Choice | null {
    return this._choice;
  }

  protected override render(): React.ReactElement {
    return (
      <ExportForm
        {...this.context}
        facts={this.facts}
        onChoice={(choice, label) => {
          this._choice = choice;
          this.onState(label, choice !== null);
        }}
      />
    );
  }

  private _choice: Choice | null = null;
}

function ExportForm(
  props: IDialogContext & {
    facts: IKernelFacts | null;
    onChoice: (choice: Choice | null, label: string) => void;
  }
): React.ReactElement {
  const { trans, facts } = props;
  const models = facts?.models ?? [];
  const [tab, setTab] = React.useState<'spec' | 'trained'>('spec');
  const [name, setName] = React.useState(() => defaultName(props.notebook));
  const [message, setMessage] = React.useState('');
  const fields = (
    <div className="jp-DspModel-fields">
      <label>
        <span>{trans.__('Name')}</span>
        <input
          name="dsp-export-name"
          className="jp-mod-styled"
          value={name}
          onChange={event => setName(event.target.value)}
        />
      </label>
      <label>
        <span>{trans.__('Message')}</span>
        <input
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
      <div role="tablist" className="jp-DspModel-tabs">
        <button role="tab" aria-selected={tab === 'spec'} onClick={() => setTab('spec')}>
          {trans.__('The untrained model (Spec)')}
        </button>
        <button role="tab" aria-selected={tab === 'trained'} onClick={() => setTab('trained')}>
          {trans.__('A trained model from this kernel (%1)', models.length)}
        </button>
      </div>
      {tab === 'spec' ? (
        <SpecForm {...props} name={name} message={message} fields={fields} />
      ) : (
        <TrainedForm {...props} models={models} name={name} message={message} fields={fields} />
      )}
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
    onChoice: (choice: Choice | null, label: string) => void;
  }
): React.ReactElement {
  const { dsp, notebook, trans, facts, name, message, onChoice } = props;
  const [keep, setKeep] = React.useState<string[] | null>(null);
  const [files, setFiles] = React.useState<string[] | null>(null);
  const [prove, setProve] = React.useState(false);
  const [plan, setPlan] = React.useState<Plan | null>(null);
  const [error, setError] = React.useState<string | null>(null);
  const request = React.useMemo(
    () => ({
      name,
      cells: codeCells(notebook, facts),
      target: null,
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
      label
    );
  }, [isReady, plan, prove, message, request, notebook, onChoice, trans]);

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
  const packages = Object.keys((plan.environment['packages'] as object | undefined) ?? {});
  return (
    <div className="jp-DspModel-columns">
      <div>
        {props.fields}
        <p className="jp-Dsp-muted">{trans.__('becomes version %1', plan.next_version)}</p>
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
            <button className="jp-Dsp-link" onClick={() => setKeep(null)}>
              {trans.__('as the data flow says')}
            </button>
          )}
        </h3>
        <ul className="jp-DspModel-ticks">
          {plan.cells.map(cell => (
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
          ))}
        </ul>
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
    onChoice: (choice: Choice | null, label: string) => void;
  }
): React.ReactElement {
  const { models, trans, name, message, onChoice } = props;
  const [variable, setVariable] = React.useState(models[0]?.variable ?? '');
  const isName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name);
  React.useEffect(() => {
    onChoice(
      variable && isName ? { kind: 'trained', name, variable, message } : null,
      trans.__('Store %1', variable || trans.__('the model'))
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
