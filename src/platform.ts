import type { ServiceManager } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { Client } from './client';
import { DEFAULTS, type IPreferences } from './preferences';
import type { IDsp, RecordChanged } from './tokens';

/** Ends the id of the event schema; what comes before is the server's business. */
const CHANGED = 'record-changed/v1';

/** The one holder of client and change stream. */
export class Dsp implements IDsp {
  constructor(
    services: ServiceManager.IManager,
    read: (dsp: Dsp) => Promise<void> = () => Promise.resolve()
  ) {
    this.preferencesRead = read(this);
    this.client = new Client(services.serverSettings);
    services.events.stream.connect((_, event) => {
      if (String(event.schema_id).endsWith(CHANGED)) {
        this._changed.emit(event as unknown as RecordChanged);
      }
    });
    services.connectionFailure.connect(() => {
      this._lost = true;
    });
    // the event socket reconnects by itself; what happened meanwhile was not told, so views read again
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) {
        this._reconnected.emit();
      }
    });
    window.addEventListener('online', () => this._reconnected.emit());
    window.addEventListener('focus', () => {
      if (this._lost) {
        this._lost = false;
        this._reconnected.emit();
      }
    });
  }

  readonly client: Client;

  get changed(): Signal<IDsp, RecordChanged> {
    return this._changed;
  }

  get reconnected(): Signal<IDsp, void> {
    return this._reconnected;
  }

  get preferences(): IPreferences {
    return this._preferences;
  }

  get preferencesChanged(): Signal<IDsp, IPreferences> {
    return this._preferencesChanged;
  }

  /** Resolves when the settings have been read, or cannot be. */
  readonly preferencesRead: Promise<void>;

  prefer(preferences: IPreferences): void {
    this._preferences = preferences;
    this._preferencesChanged.emit(preferences);
  }

  private _preferences = DEFAULTS;
  private readonly _preferencesChanged = new Signal<IDsp, IPreferences>(this);
  private readonly _changed = new Signal<IDsp, RecordChanged>(this);
  private readonly _reconnected = new Signal<IDsp, void>(this);
  private _lost = false;
}
