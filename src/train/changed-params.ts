/** As people write them in a notebook. */
const PYTHON: { [word: string]: boolean | null } = { True: true, False: false, None: null };

/** Parameters that the text gives another value than they had; numbers, booleans and null are read as such. */
export function changedParams(
  old: { [name: string]: unknown },
  text: string
): { [name: string]: string | number | boolean | null } {
  const changed: { [name: string]: string | number | boolean | null } = {};
  for (const part of text.match(/[^\s=]+=(?:"[^"]*"|\S*)/g) ?? []) {
    const [name, ...rest] = part.split('=');
    const raw = rest.join('=');
    let parsed: string | number | boolean | null;
    try {
      parsed = JSON.parse(raw) as string | number | boolean | null;
    } catch {
      parsed = raw in PYTHON ? (PYTHON[raw] as boolean | null) : raw;
    }
    if (name && JSON.stringify(parsed) !== JSON.stringify(old[name])) {
      changed[name] = parsed;
    }
  }
  return changed;
}
