import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import type { ReactElement } from 'react';
import type { Client, Shapes } from './client';
import type { IPreferences } from './preferences';

export type Run = Shapes['Run'];
export type RunRow = Shapes['RunRow'];
export type Model = Shapes['Model'];
export type Version = Shapes['Version'];
export type VersionDetail = Shapes['VersionDetail'];
export type RecordChanged = Shapes['RecordChanged'];

/** Client, events and what every view needs. */
export interface IDsp {
  readonly client: Client;
  /** A run, model, version or Spec changed; read it again. */
  readonly changed: ISignal<IDsp, RecordChanged>;
  /** The event stream was interrupted and is back: what is shown may be stale. */
  readonly reconnected: ISignal<IDsp, void>;
  /** What people may set; the settings editor changes it. */
  readonly preferences: IPreferences;
  /** Resolves when they have been read, or cannot be. */
  readonly preferencesRead: Promise<void>;
  readonly preferencesChanged: ISignal<IDsp, IPreferences>;
}

export const IDsp = new Token<IDsp>(
  'jupyterlab-dsp:IDsp',
  'The data science platform: its client and its stream of changes.'
);

/** A section of the side panel. Areas add theirs; none is known to the panel. */
export interface ISection {
  id: string;
  title: string;
  /** Order from the top: Compute 10, Clusters 20, Runs 30, Models 40, Data 50, Endpoints 60. */
  rank: number;
  /** Draws the body; `report` tells the header what it counts. */
  render(report: (header: ISectionHeader) => void, visible: boolean): ReactElement;
}

export interface ISectionHeader {
  count?: string;
  /** The one primary action. */
  action?: { label: string; caption?: string; enabled?: boolean; run: () => void };
}

export interface IDspPanel {
  addSection(section: ISection): IDisposable;
}

export const IDspPanel = new Token<IDspPanel>(
  'jupyterlab-dsp:IDspPanel',
  'The side panel of the data science platform: add a section to it.'
);

/** Commands, by area. */
export namespace CommandIDs {
  export const showPanel = 'dsp:panel-show';
  export const openRun = 'dsp:train-open';
  export const stopRun = 'dsp:train-stop';
  export const retryRun = 'dsp:train-retry';
  export const compare = 'dsp:train-compare';
  export const openModel = 'dsp:model-open';
  export const exportModel = 'dsp:model-export';
  export const insertLoad = 'dsp:model-insert-load';
}
