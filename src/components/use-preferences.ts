import { useEffect, useState } from 'react';
import type { IPreferences } from '../preferences';
import type { IDsp } from '../tokens';

/** What people have set, as of now. */
export function usePreferences(dsp: IDsp): IPreferences {
  const [preferences, setPreferences] = useState(dsp.preferences);
  useEffect(() => {
    const changed = (_: IDsp, fresh: IPreferences) => setPreferences(fresh);
    setPreferences(dsp.preferences);
    dsp.preferencesChanged.connect(changed);
    return () => {
      dsp.preferencesChanged.disconnect(changed);
    };
  }, [dsp]);
  return preferences;
}
