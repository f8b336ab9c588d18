import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const ROOT = resolve(__dirname, '..');
const PYTHON = join(ROOT, '.venv', 'bin', 'python');
const START_TIMEOUT_MS = 90_000;

/** A cell of a notebook that a test writes. */
export interface ICell {
  type?: 'code' | 'markdown';
  source: string;
}

/**
 * A real JupyterLab in a home of its own. It can be stopped, killed and started again at the same address:
 * what it keeps (records, store, runs, notebooks) stays until `dispose`.
 */
export class LabServer {
  private constructor(
    readonly port: number,
    private readonly options: string[]
  ) {
    this.home = mkdtempSync(join(tmpdir(), 'dsp-ui-'));
    for (const folder of [this.work, this.dspHome, join(this.home, 'config')]) {
      mkdirSync(folder, { recursive: true });
    }
    this.writeSettings('@jupyterlab/apputils-extension', 'notification', {
      fetchNews: 'false',
      checkForUpdates: false
    });
  }

  /** `options` go to the command line of JupyterLab. */
  static async start(options: string[] = []): Promise<LabServer> {
    const server = new LabServer(await freePort(), options);
    await server.start();
    return server;
  }

  /** Temporary home of everything below. */
  readonly home: string;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The folder that the file browser shows. */
  get work(): string {
    return join(this.home, 'work');
  }

  /** `DSP_HOME` of the server and of its kernels. */
  get dspHome(): string {
    return join(this.home, 'dsp');
  }

  /** What the server process needs; for `dsp` and Python processes of a test, too. */
  get env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      PATH: `${join(ROOT, '.venv', 'bin')}:${process.env.PATH}`,
      HOME: this.home,
      DSP_HOME: this.dspHome,
      DSP_USER: 'tester',
      JUPYTER_CONFIG_DIR: join(this.home, 'config'),
      JUPYTER_DATA_DIR: join(this.home, 'data'),
      JUPYTER_RUNTIME_DIR: join(this.home, 'runtime'),
      JUPYTERLAB_SETTINGS_DIR: join(this.home, 'settings'),
      JUPYTERLAB_WORKSPACES_DIR: join(this.home, 'workspaces'),
      IPYTHONDIR: join(this.home, 'ipython'),
      KERAS_HOME: join(this.home, 'keras'),
      TF_CPP_MIN_LOG_LEVEL: '2'
    };
  }

  get log(): string {
    const file = join(this.home, 'server.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  async start(): Promise<void> {
    const log = openSync(join(this.home, 'server.log'), 'a');
    const child = spawn(
      PYTHON,
      [
        '-m',
        'jupyterlab',
        `--config=${join(ROOT, 'ui-tests', 'jupyter_server_config.py')}`,
        `--ServerApp.port=${this.port}`,
        `--ServerApp.root_dir=${this.work}`,
        ...this.options
      ],
      { cwd: this.home, env: this.env, stdio: ['ignore', log, log] }
    );
    this.child = child;
    const end = Date.now() + START_TIMEOUT_MS;
    while (Date.now() < end) {
      if (child.exitCode !== null) {
        break;
      }
      try {
        if ((await fetch(`${this.url}/api`)).ok) {
          return;
        }
      } catch {
        // not yet
      }
      await sleep(200);
    }
    await this.kill();
    throw new Error(`JupyterLab did not start:\n${this.log.slice(-4000)}`);
  }

  /** Ends the server as Ctrl-C does; its kernels end with it. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  /** Kills the server process as a crash would; its kernels may live on. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** Writes a notebook of Python cells into the work folder and returns its path there. */
  writeNotebook(path: string, cells: ICell[]): string {
    const content = {
      cells: cells.map(({ type = 'code', source }, index) => ({
        cell_type: type,
        id: `cell-${index}`,
        metadata: {},
        source,
        ...(type === 'code' ? { execution_count: null, outputs: [] } : {})
      })),
      metadata: {
        kernelspec: { display_name: 'Python 3 (ipykernel)', language: 'python', name: 'python3' },
        language_info: { name: 'python' }
      },
      nbformat: 4,
      nbformat_minor: 5
    };
    const file = join(this.work, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(content, null, 1));
    return path;
  }

  /** Does a job of seed.py on this server's home, in a process of its own; returns the JSON that it prints. */
  async seed<T = unknown>(job: string, ...args: string[]): Promise<T> {
    const { stdout } = await promisify(execFile)(PYTHON, [join(ROOT, 'ui-tests', 'seed.py'), job, ...args], {
      cwd: this.work,
      env: this.env,
      maxBuffer: 64 * 2 ** 20
    });
    return JSON.parse(stdout) as T;
  }

  /** Reads from the platform's API, as any client does. */
  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/dsp/api/v1/${path}`);
    if (!response.ok) {
      throw new Error(`${path}: ${response.status} ${await response.text()}`);
    }
    return (await response.json()) as T;
  }

  /** Copies a file of the repository, such as examples/tour.ipynb, into the work folder. */
  copy(pathInRepository: string): string {
    const name = basename(pathInRepository);
    cpSync(join(ROOT, pathInRepository), join(this.work, name));
    return name;
  }

  /** Sets a setting of JupyterLab before a page is opened. */
  writeSettings(extension: string, plugin: string, settings: object): void {
    const folder = join(this.home, 'settings', ...extension.split('/'));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${plugin}.jupyterlab-settings`), JSON.stringify(settings));
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const ended = new Promise<void>(done => child.once('exit', () => done()));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(late);
  }

  private child: ChildProcess | null = null;
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address && typeof address === 'object' ? done(address.port) : fail(new Error('no port'))
      );
    });
  });
}
