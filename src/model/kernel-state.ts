import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { JSONObject } from '@lumino/coreutils';

/** What the kernel knows and the document does not: interpreter, environment, names, live models, texts as run. */
export interface IKernelFacts {
  python: string;
  /** Its working folder: that of the notebook. */
  folder: string;
  environment: { [name: string]: unknown };
  names: string[];
  models: ILiveModel[];
  /** Cell id to its text when it was last run. */
  ran: { [cellId: string]: string };
}

export interface ILiveModel {
  variable: string;
  label: string;
  format: string;
}

const QUESTION = `__import__('jupyterlab_dsp.magics.kernel_state', fromlist=['describe']).describe()`;

/** Ask without a trace: nothing is added to history, output or the prompt number. Null: no kernel, or not Python. */
export async function askKernel(panel: NotebookPanel): Promise<IKernelFacts | null> {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel || kernel.status === 'dead' || panel.sessionContext.kernelDisplayName === '') {
    return null;
  }
  const answer = await evaluate(kernel, QUESTION);
  if (answer === null) {
    return null;
  }
  return JSON.parse(answer) as IKernelFacts;
}

/** Run code in the kernel on the user's word; resolves with the text of its last expression. */
export async function runInKernel(panel: NotebookPanel, expression: string): Promise<string> {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) {
    throw new Error('The notebook has no kernel.');
  }
  const answer = await evaluate(kernel, expression);
  if (answer === null) {
    throw new Error('The kernel did not answer.');
  }
  return answer;
}

const TIMEOUT_MS = 60_000;

async function evaluate(kernel: Kernel.IKernelConnection, expression: string): Promise<string | null> {
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    user_expressions: { answer: expression },
    allow_stdin: false,
    stop_on_error: false
  });
  const late = new Promise<null>(resolve => setTimeout(() => resolve(null), TIMEOUT_MS));
  const reply = (await Promise.race([future.done, late])) as KernelMessage.IExecuteReplyMsg | null;
  if (reply === null || reply.content.status !== 'ok') {
    return null;
  }
  const result = reply.content.user_expressions['answer'] as unknown as
    { status: 'ok'; data: JSONObject } | { status: 'error'; ename: string; evalue: string };
  if (result.status !== 'ok') {
    throw new Error(result.evalue || result.ename);
  }
  // a str's repr; Python's and JavaScript's quoting differ, so the kernel side answers with JSON in base64
  const text = String(result.data['text/plain']);
  const match = /^'([A-Za-z0-9+/=]*)'$/.exec(text);
  if (!match) {
    return text;
  }
  const bytes = Uint8Array.from(atob(match[1] ?? ''), character => character.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}
