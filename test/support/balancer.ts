import { setTimeout as delay } from 'node:timers/promises';

/** How often the balancer asks who is ready, in milliseconds. Real ones take seconds: DRAIN_DELAY is for them. */
const PROBE_MS = 100;

/** A load balancer as they come: sends requests, in turn, to the targets whose /ready answered 200 when it was last asked. */
export function startBalancer() {
  const targets = new Map<string, boolean>();
  let turn = 0;
  let stopped = false;

  async function probe(url: string): Promise<void> {
    const ready = await fetch(`${url}/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (targets.has(url)) targets.set(url, ready);
  }

  const probing = (async () => {
    while (!stopped) {
      await Promise.all([...targets.keys()].map(probe));
      await delay(PROBE_MS);
    }
  })();

  return {
    /** Adds a target, which gets requests once it is ready. */
    add: async (url: string) => {
      if (!targets.has(url)) targets.set(url, false);
      await probe(url);
    },
    remove: (url: string) => targets.delete(url),
    next: (): string => {
      const ready = [...targets].filter(([, isReady]) => isReady).map(([url]) => url);
      const url = ready[turn++ % ready.length];
      if (!url) throw new Error('no target is ready');
      return url;
    },
    stop: async () => {
      stopped = true;
      await probing;
    },
  };
}
