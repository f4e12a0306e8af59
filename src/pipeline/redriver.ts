import { createRhythm, type Rhythm } from './rhythm.ts';

export interface RedriverOptions {
  /** Takes what is due; answers how many letters that were. */
  due(): Promise<number>;
  onError(error: unknown): void;
}

/** Works off bulk redrives, in the background; to be woken when a redrive was asked for. */
export type Redriver = Rhythm;

/** Between two goes while there is work. What a go may take is capped for all processes together. */
const BUSY_MS = 1_000;

/** Another process may have died with a redrive half done. */
const IDLE_MS = 5_000;

export function createRedriver({ due, onError }: RedriverOptions): Redriver {
  return createRhythm(async () => {
    const taken = await due().catch(onError);
    return taken ? BUSY_MS : IDLE_MS;
  });
}
