/**
 * The world stops at the n-th outside call: before it, or after it took effect but before the answer. Nothing that was
 * under way goes on; what is in Postgres and in the queue stays. Then a new process recovers.
 */
export interface CrashPoint {
  /** From 1. */
  readonly call: number;
  readonly when: 'before' | 'after';
}

export interface Stopwatch {
  /** Wraps functions so that their calls are counted, and the world stops at the crash point. */
  wrap<F extends object>(ports: F): F;
  /** Resolves when the world has stopped. */
  readonly stopped: Promise<void>;
  /** The name of the call at which it stopped, with `before` or `after`. */
  readonly at: string | null;
  /** Calls made so far. */
  readonly calls: number;
}

const NEVER = new Promise<never>(() => undefined);

/** Counts outside calls; stops the world at `point`, or never when there is none. */
export function createStopwatch(point: CrashPoint | null): Stopwatch {
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  let calls = 0;
  let at: string | null = null;

  function stop(name: string): Promise<never> {
    at = `${point?.when} ${name}`;
    resolve();
    return NEVER;
  }

  function guarded(name: string, call: (...args: unknown[]) => unknown) {
    return async (...args: unknown[]) => {
      if (at) return NEVER;
      const number = ++calls;
      if (number === point?.call && point.when === 'before') return stop(name);
      const answer = await call(...args);
      if (at) return NEVER;
      return number === point?.call ? stop(name) : answer;
    };
  }

  return {
    wrap: (ports) =>
      Object.fromEntries(
        Object.entries(ports).map(([name, call]) => [name, typeof call === 'function' ? guarded(name, call) : call]),
      ) as typeof ports,
    stopped,
    get at() {
      return at;
    },
    get calls() {
      return calls;
    },
  };
}

/** Every crash point of a run that makes so many calls. */
export const crashPoints = (calls: number): CrashPoint[] =>
  Array.from({ length: calls }, (_, index) => index + 1).flatMap((call): CrashPoint[] => [
    { call, when: 'before' },
    { call, when: 'after' },
  ]);
