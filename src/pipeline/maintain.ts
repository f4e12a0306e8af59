/** What maintenance needs from outside. Everything but `elected` is called by the elected process only. */
export interface MaintainPorts {
  /** True in one process at a time; throws while that cannot be told. */
  elected(): Promise<boolean>;
  /** Makes those for the days ahead; answers how many. */
  makePartitions(): Promise<number>;
  dropPartitions(before: Date): Promise<{ readonly dropped: readonly string[]; readonly kept: readonly string[] }>;
  deleteIdempotencyKeys(): Promise<number>;
  deleteDeadLetters(before: Date): Promise<number>;
  onRun(run: MaintenanceRun): void;
  onError(error: unknown, during: string): void;
}

export interface MaintainSettings {
  /** How long events, deliveries, attempts and dead letters are kept. */
  readonly retentionMs: number;
  readonly now?: () => number;
}

/** What a run came to; a part is null when it failed. */
export interface MaintenanceRun {
  readonly partitionsMade: number | null;
  readonly partitionsDropped: readonly string[] | null;
  /** Older than the retention, but with deliveries that are still to be attempted. */
  readonly partitionsKept: readonly string[] | null;
  readonly idempotencyKeysDeleted: number | null;
  readonly deadLettersDeleted: number | null;
  readonly ms: number;
}

/** Between two runs. Partitions are made a week ahead, so many runs may fail. */
const EVERY_MS = 3_600_000;

/** After a run of which something failed, such as a lock that was not to be had. */
const AGAIN_MS = 300_000;

/** Housekeeping of the elected process: each part by itself, so that one that fails holds up no other. */
export function createMaintain(ports: MaintainPorts, { retentionMs, now = Date.now }: MaintainSettings) {
  let dueAt = Number.NEGATIVE_INFINITY;

  async function part<T>(name: string, call: () => Promise<T>): Promise<T | null> {
    try {
      return await call();
    } catch (error) {
      ports.onError(error, name);
      return null;
    }
  }

  async function run(): Promise<MaintenanceRun> {
    const since = performance.now();
    const before = new Date(now() - retentionMs);
    const made = await part('makePartitions', ports.makePartitions);
    const partitions = await part('dropPartitions', () => ports.dropPartitions(before));
    const keys = await part('deleteIdempotencyKeys', ports.deleteIdempotencyKeys);
    const letters = await part('deleteDeadLetters', () => ports.deleteDeadLetters(before));
    return {
      partitionsMade: made,
      partitionsDropped: partitions?.dropped ?? null,
      partitionsKept: partitions?.kept ?? null,
      idempotencyKeysDeleted: keys,
      deadLettersDeleted: letters,
      ms: Math.round(performance.now() - since),
    };
  }

  /**
   * Stands by, or runs when a run is due: at once after the election, then every hour.
   *
   * @returns true when it ran
   */
  return async function maintain(): Promise<boolean> {
    const elected = await part('election', ports.elected);
    if (!elected) dueAt = Number.NEGATIVE_INFINITY;
    if (!elected || now() < dueAt) return false;
    const done = await run();
    dueAt = now() + (Object.values(done).includes(null) ? AGAIN_MS : EVERY_MS);
    ports.onRun(done);
    return true;
  };
}
