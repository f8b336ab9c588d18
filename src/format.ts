/** Numbers with their units, as everywhere in the suite. */

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
    return 'just now';
  }
  if (seconds < 60) {
    return `${Math.floor(seconds)} s ago`;
  }
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)} min ago`;
  }
  if (seconds < 86_400) {
    return `${Math.floor(seconds / 3600)} h ago`;
  }
  if (seconds < 14 * 86_400) {
    return `${Math.floor(seconds / 86_400)} d ago`;
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
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
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
