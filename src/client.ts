import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { components, operations } from './contract.gen';
import { OPERATIONS } from './operations.gen';

/** Shapes of the contract by name. */
export type Shapes = components['schemas'];
export type OperationId = keyof typeof OPERATIONS & keyof operations;

type Of<T, K extends string> = T extends { [P in K]?: infer V } ? NonNullable<V> : unknown;
// `never` is what openapi-typescript writes for a part that an operation has not
type Clean<T> = [T] extends [never] ? object : unknown extends T ? object : T;
type Parameters<K extends OperationId> = operations[K]['parameters'];
type Body<K extends OperationId> =
  Of<operations[K], 'requestBody'> extends {
    content: { 'application/json': infer B };
  }
    ? string extends keyof B
      ? object // an empty body is written Record<string, never>
      : B
    : object;
/** What an operation takes: path, query and body fields together. */
export type Input<K extends OperationId> = Clean<Of<Parameters<K>, 'path'>> &
  Clean<Of<Parameters<K>, 'query'>> &
  Body<K>;

type Responses<K extends OperationId> = operations[K]['responses'];
type Ok<K extends OperationId> =
  Responses<K> extends { 200: infer R } ? R : Responses<K> extends { 201: infer R } ? R : never;
/** What an operation answers. */
export type Output<K extends OperationId> =
  Ok<K> extends { content: { 'application/json': infer R } } ? R : never;

/** An error of the platform: compare `code`, never the text. */
export class DspError extends Error {
  constructor(
    readonly body: Shapes['ErrorBody'],
    readonly status: number
  ) {
    super(body.hint ? `${body.message} ${body.hint}` : body.message);
    this.name = 'DspError';
  }

  get code(): string {
    return this.body.code;
  }

  /** The server half is not there at all (an old or foreign server answers the route). */
  get isMissingServer(): boolean {
    return this.code === 'server_missing';
  }
}

/** Talks to the server half. One for the whole application. */
export class Client {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  /** Do one operation. Rejects with `DspError`. */
  async call<K extends OperationId>(id: K, input: Input<K>): Promise<Output<K>> {
    const { url, init } = this.request(id, input as Record<string, unknown>);
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch {
      throw new DspError(
        {
          code: 'unreachable',
          message: 'The Jupyter server does not answer.',
          hint: 'Runs go on without it. Check the connection; this page tries again.',
          details: {}
        },
        0
      );
    }
    const text = await response.text();
    let body: unknown;
    try {
      body = text ? JSON.parse(text) : null;
    } catch {
      body = null;
    }
    if (!response.ok) {
      throw new DspError(errorBody(body, response), response.status);
    }
    return body as Output<K>;
  }

  /** Address of a download, with the token where the browser has no cookie. */
  address<K extends OperationId>(id: K, input: Input<K>): string {
    const { url } = this.request(id, input as Record<string, unknown>);
    return url;
  }

  /** Fetch a download and give it to the browser as a file. */
  async download<K extends OperationId>(id: K, input: Input<K>, filename: string): Promise<void> {
    const { url, init } = this.request(id, input as Record<string, unknown>);
    const response = await ServerConnection.makeRequest(url, init, this.settings);
    if (!response.ok) {
      throw new DspError(errorBody(await response.json().catch(() => null), response), response.status);
    }
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await response.blob());
    link.download = filename;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  private request(id: OperationId, input: Record<string, unknown>): { url: string; init: RequestInit } {
    const { method, path } = OPERATIONS[id];
    const rest = { ...input };
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = rest[name];
      delete rest[name];
      return encodeURIComponent(String(value));
    });
    const url = URLExt.join(this.settings.baseUrl, filled);
    if (method === 'GET' || method === 'DELETE') {
      const query = Object.entries(rest)
        .filter(([, value]) => value !== undefined && value !== null && value !== '')
        .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
        .join('&');
      return { url: query ? `${url}?${query}` : url, init: { method } };
    }
    return {
      url,
      init: {
        method,
        body: JSON.stringify(rest),
        headers: { 'Content-Type': 'application/json' }
      }
    };
  }
}

function errorBody(body: unknown, response: Response): Shapes['ErrorBody'] {
  if (body && typeof body === 'object' && 'code' in body && 'message' in body) {
    return body as Shapes['ErrorBody'];
  }
  if (response.status === 404) {
    return {
      code: 'server_missing',
      message: 'The server half of the data science platform is not running here.',
      hint: 'Install it where Jupyter runs: pip install "jupyterlab-dsp[lab]", then restart the server.',
      details: {}
    };
  }
  return {
    code: 'http',
    message: `The server answered ${response.status} ${response.statusText}.`,
    hint: 'Reload the page; the server log says more.',
    details: {}
  };
}
