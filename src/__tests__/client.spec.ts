import { ServerConnection } from '@jupyterlab/services';
import { Client, DspError } from '../client';

const settings = ServerConnection.makeSettings({ baseUrl: 'http://hub/user/maria/', appendToken: false });

function clientWith(answer: () => Response | Promise<Response>) {
  const fetched: Request[] = [];
  const client = new Client({
    ...settings,
    fetch: (request: RequestInfo | URL) => {
      fetched.push(request as Request);
      return Promise.resolve(answer());
    }
  } as ServerConnection.ISettings);
  return { client, fetched };
}

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

test('path fields go into the path, escaped, the rest into the query, empty ones nowhere', async () => {
  const { client, fetched } = clientWith(() => json({ items: [] }));
  await client.call('model.versions', {
    model: 'a b/c',
    filter: 'loss < 1',
    cursor: null,
    limit: 5,
    sort: ''
  });
  const url = new URL(fetched[0]!.url);
  expect(url.pathname).toBe('/user/maria/dsp/api/v1/model/models/a%20b%2Fc/versions');
  expect(url.searchParams.get('filter')).toBe('loss < 1');
  expect(url.searchParams.get('limit')).toBe('5');
  expect(url.searchParams.has('cursor')).toBe(false);
  expect(url.searchParams.has('sort')).toBe(false);
});

test('fields of a PUT go into the body, but for those of the path', async () => {
  const { client, fetched } = clientWith(() => json({}));
  await client.call('model.promote', { model: 'digits', alias: 'production', version: 6, expect: null });
  expect(fetched[0]!.method).toBe('PUT');
  expect(new URL(fetched[0]!.url).pathname).toMatch(/models\/digits\/aliases\/production$/);
  expect(await fetched[0]!.json()).toEqual({ version: 6, expect: null });
});

test('an error keeps code, details and hint', async () => {
  const body = { code: 'invalid_input', message: 'No.', hint: 'Try yes.', details: { field: 'filter' } };
  const { client } = clientWith(() => json(body, 400));
  const error = await client.call('train.list', {}).catch((reason: unknown) => reason as DspError);
  expect(error).toBeInstanceOf(DspError);
  expect(error).toMatchObject({ code: 'invalid_input', status: 400, message: 'No. Try yes.', body });
});

test.each([
  ['a foreign 404', () => new Response('<html></html>', { status: 404 }), 'server_missing'],
  [
    'our own 404',
    () => json({ code: 'not_found', message: 'No run.', hint: null, details: {} }, 404),
    'not_found'
  ],
  ['a proxy in between', () => new Response('Bad gateway', { status: 502 }), 'http'],
  ['no answer', () => Promise.reject(new TypeError('fetch failed')), 'unreachable']
])('%s is told apart', async (_, answer, code) => {
  const { client } = clientWith(answer);
  await expect(client.call('train.list', {})).rejects.toMatchObject({ code });
});
