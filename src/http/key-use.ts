/** Notes which API keys are used, without being in the way of the requests. */
export interface KeyUse {
  /** A request came with this key. */
  note(keyId: string): void;
  start(): void;
  /** Writes what is not written yet. */
  stop(): Promise<void>;
}

export interface KeyUseOptions {
  /** Keeps when keys were last used: key id → start of the minute. */
  write(uses: ReadonlyMap<string, Date>): Promise<void>;
  /** Milliseconds since 1970. */
  now(): number;
  onError(error: unknown): void;
}

const MINUTE_MS = 60_000;

/** One statement for all keys, this often; a key is in it once a minute at the most. */
const WRITE_EVERY_MS = 5_000;

/** Gathers the keys used in each minute and writes them in the background. A write that fails is tried again with the next. */
export function createKeyUse({ write, now, onError }: KeyUseOptions): KeyUse {
  let minute = 0;
  let noted = new Set<string>();
  let unwritten = new Map<string, Date>();
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  async function writeNow(): Promise<void> {
    if (unwritten.size === 0) return;
    const uses = unwritten;
    unwritten = new Map();
    try {
      await write(uses);
    } catch (error) {
      unwritten = new Map([...uses, ...unwritten]);
      onError(error);
    }
  }
  const flush = () => {
    writing = writing.then(writeNow);
    return writing;
  };

  return {
    note(keyId) {
      const time = now();
      if (time >= minute + MINUTE_MS) {
        minute = time - (time % MINUTE_MS);
        noted = new Set();
      }
      if (noted.has(keyId)) return;
      noted.add(keyId);
      unwritten.set(keyId, new Date(minute));
    },
    start() {
      timer ??= setInterval(flush, WRITE_EVERY_MS);
    },
    stop() {
      clearInterval(timer);
      return flush();
    },
  };
}
