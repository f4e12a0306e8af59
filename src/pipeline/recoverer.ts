import type { RecoveryStep } from '../domain/recovery.ts';
import { createRhythm, type Rhythm } from './rhythm.ts';

export interface RecovererOptions {
  recover(): Promise<RecoveryStep | null>;
  onError(error: unknown): void;
}

export type Recoverer = Pick<Rhythm, 'start' | 'stop'>;

/** A new recovery is found within this, and one that waits for room or for an event goes on. */
const POLL_MS = 500;

/** The rhythm of recoveries: step after step while there is something to do, else a look every half second. */
export function createRecoverer({ recover, onError }: RecovererOptions): Recoverer {
  return createRhythm(async () => ((await recover().catch(onError)) ? 0 : POLL_MS));
}
