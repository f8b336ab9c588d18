/** Numbers with their units, as everywhere in the suite. */

import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

let trans: TranslationBundle = nullTranslator.load('jupyterlab_dsp');

/** The language of the words below; set once, when the front end starts. */
export function speak(language: TranslationBundle): void {
  trans = language;
}

/** "18 min ago", "just now", or the date when it is long ago. */
export function age(iso: string | null | undefined, now: number = Date.now()): string {
  if (!iso) {
    return '';
  }
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  if (!Number.isFinite(seconds)) {
    return '';
  }
  if (seconds < 5) {
    return trans.__('just now');
  }
  if (seconds < 60) {
    return trans.__('%1 s ago', Math.floor(seconds));
  }
  if (seconds < 3600) {
    return trans.__('%1 min ago', Math.floor(seconds / 60));
  }
  if (seconds < 86_400) {
    return trans.__('%1 h ago', Math.floor(seconds / 3600));
  }
  if (seconds < 14 * 86_400) {
    return trans.__('%1 d ago', Math.floor(seconds / 86_400));
  }
  return new Date(iso).toLocaleDateString();
}

/** "0.4 MB". Decimal units, as disks and MLflow count. */
export function bytes(size: number | null | undefined): string {
  if (size === null || size === undefined) {
    return '';
  }
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** "12 s", "3 min 20 s", "1 h 5 min". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) {
    return '';
  }
  if (seconds < 10) {
    return trans.__('%1 s', Number.isInteger(seconds) ? seconds : seconds.toFixed(1));
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return trans.__('%1 s', whole);
  }
  if (whole < 3600) {
    return trans.__('%1 min %2 s', Math.floor(whole / 60), whole % 60);
  }
  return trans.__('%1 h %2 min', Math.floor(whole / 3600), Math.floor((whole % 3600) / 60));
}

/** Time left, as exact as a guess may be: "40 s", "3 min", "1 h 5 min". */
export function roughly(seconds: number): string {
  return seconds >= 60 && seconds < 3600
    ? trans.__('%1 min', Math.round(seconds / 60))
    : duration(Math.round(seconds));
}

/** A metric or parameter: short, never misleading. */
export function value(value: unknown): string {
  if (value === null || value === undefined) {
    return '—';
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) {
      return String(value);
    }
    if (Number.isInteger(value) && Math.abs(value) < 1e9) {
      return String(value);
    }
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
      return value
        .toExponential(2)
        .replace(/\.?0+e/, 'e')
        .replace('e+', 'e');
    }
    return String(Number(value.toPrecision(4)));
  }
  if (typeof value === 'object') {
    return JSON.stringify(value);
  }
  return String(value);
}

/** "lr 0.001, units 64". */
export function pairs(values: { [name: string]: unknown } | null | undefined, most = 4): string {
  const all = Object.entries(values ?? {});
  const shown = all.slice(0, most).map(([name, v]) => `${name} ${value(v)}`);
  return all.length > most ? `${shown.join(', ')}, …` : shown.join(', ');
}

/** The metric that a list shows: validation accuracy before losses. */
export function headline(
  metrics: { [name: string]: number | null } | null | undefined
): [string, number | null] | null {
  const names = Object.keys(metrics ?? {});
  const order = ['val_accuracy', 'val_auc', 'accuracy', 'auc', 'f1', 'r2', 'val_loss', 'loss'];
  const name = order.find(candidate => names.includes(candidate)) ?? names.find(n => n !== 'learning_rate');
  return name === undefined ? null : [name, metrics?.[name] ?? null];
}
