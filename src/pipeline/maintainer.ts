import { createRhythm, type Rhythm } from './rhythm.ts';

export type Maintainer = Pick<Rhythm, 'start' | 'stop'>;

/** Who stands by notices this late that the maintainer has died. */
const LOOK_EVERY_MS = 10_000;

/** Keeps maintaining, for as long as the process lives. */
export function createMaintainer(maintain: () => Promise<boolean>, lookEveryMs = LOOK_EVERY_MS): Maintainer {
  return createRhythm(async () => {
    await maintain();
    return lookEveryMs;
  });
}
