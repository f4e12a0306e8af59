/** Something that was looked at. `error`: it will not work; `warning`: it works, but not as it should. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  readonly part: string;
  /** What is wrong and what to change; of what is right, what was found. */
  readonly detail: string;
}

export const MARKS: Readonly<Record<Finding['level'], string>> = { ok: '✓', warning: '!', error: '✗' };

export const ok = (part: string, detail: string): Finding => ({ level: 'ok', part, detail });
export const warning = (part: string, detail: string): Finding => ({ level: 'warning', part, detail });
export const error = (part: string, detail: string): Finding => ({ level: 'error', part, detail });
