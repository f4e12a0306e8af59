import { LRUCache } from 'lru-cache';

/** A value kept from an earlier look-up. */
interface Entry<V> {
  readonly value: V;
  /** Until this time the value is used without asking again; milliseconds of `now`. */
  freshUntil: number;
  /** From this time on it is looked up in the background when it is used. */
  refreshAt: number;
}

export interface RememberedOptions<K extends string, V extends object> {
  /** Looks the value up; null when there is none. Rejects when it cannot be known right now. */
  load(key: K): Promise<V | null>;
  /** How long a value is used without asking again, in milliseconds. */
  readonly freshMs: number;
  /** A value older than this is looked up again in the background, while it is still used; default: never. Milliseconds. */
  readonly refreshAfterMs?: number;
  /** Milliseconds; only differences count. */
  now(): number;
  /** The least recently used entry makes room beyond this many. Default 10,000. */
  readonly max?: number;
}

/** A cache that goes on working, with what it knows, while its source is away. */
export interface Remembered<K extends string, V extends object> {
  /**
   * The value, or null when there is none (which is never remembered: what is created now must be found now).
   * Rejects with the error of `load` only when nothing is known about the key.
   */
  get(key: K): V | null | Promise<V | null>;
  /** Forgets a key: what is known of it is known to be wrong. */
  drop(key: K): void;
  /** Has every value looked up again before its next use; while the source is away, the old values still serve. */
  clear(): void;
}

/** After a failed look-up the old value serves this long before the source is asked again: a source in trouble is not flooded. */
const PAUSE_AFTER_ERROR_MS = 1_000;

/**
 * Remembers what `load` answered: fresh values at once, stale ones after another look-up, and stale ones as they are when that
 * fails. One look-up per key is under way at a time; while it is, others get the stale value if there is one.
 */
export function createRemembered<K extends string, V extends object>(
  options: RememberedOptions<K, V>,
): Remembered<K, V> {
  const entries = new LRUCache<K, Entry<V>>({ max: options.max ?? 10_000 });
  const underWay = new Map<K, { answer: Promise<V | null> | null }>();

  function lookUp(key: K, stale: Entry<V> | undefined): Promise<V | null> {
    const look: { answer: Promise<V | null> | null } = { answer: null };
    underWay.set(key, look);
    const isCurrent = () => underWay.get(key) === look; // not after a drop: the answer may be older than the change
    look.answer = ask(key, stale, isCurrent).finally(() => isCurrent() && underWay.delete(key));
    return look.answer;
  }

  async function ask(key: K, stale: Entry<V> | undefined, isCurrent: () => boolean): Promise<V | null> {
    try {
      const value = await options.load(key);
      if (value && isCurrent()) entries.set(key, newEntry(value));
      else if (isCurrent()) entries.delete(key);
      return value;
    } catch (error) {
      if (!stale || !isCurrent()) throw error;
      stale.freshUntil = Math.max(stale.freshUntil, options.now() + PAUSE_AFTER_ERROR_MS);
      stale.refreshAt = stale.freshUntil;
      return stale.value;
    }
  }

  function newEntry(value: V): Entry<V> {
    const { freshMs, refreshAfterMs = freshMs } = options;
    const now = options.now();
    return { value, freshUntil: now + freshMs, refreshAt: now + refreshAfterMs };
  }

  return {
    get(key) {
      const entry = entries.get(key);
      const now = options.now();
      const pending = underWay.get(key)?.answer;
      if (entry && now < entry.freshUntil) {
        if (now >= entry.refreshAt && !pending) lookUp(key, entry).catch(() => undefined); // dropped meanwhile
        return entry.value;
      }
      if (pending) return entry ? entry.value : pending;
      return lookUp(key, entry);
    },
    drop(key) {
      entries.delete(key);
      underWay.delete(key);
    },
    clear() {
      for (const entry of entries.values()) entry.freshUntil = Number.NEGATIVE_INFINITY;
      underWay.clear();
    },
  };
}
