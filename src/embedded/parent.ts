/** The child's side of `child.ts`: what a child process says to its parent, and how it learns that the parent is gone. */

/** Tells the parent that the service accepts connections. */
export function tellReady(ready: object): void {
  process.send?.({ ready });
}

/** The options the parent gave this child. */
export function childOptions<Options>(): Options {
  return JSON.parse(process.argv[2] ?? '{}') as Options;
}

/**
 * Calls `end` once: when the parent asks for it, or when the parent is gone. Both are the same event, the closing of the
 * IPC channel, which the operating system does even for a parent that was SIGKILLed.
 */
export function onParentGone(end: () => void): void {
  let ended = false;
  const endOnce = () => {
    if (ended) return;
    ended = true;
    end();
  };
  // Writing to a parent that is gone must not end this process before it has cleaned up.
  process.stderr.on('error', () => {});
  process.on('disconnect', endOnce);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, endOnce);
  if (!process.connected) endOnce(); // it went while we were loading
}
