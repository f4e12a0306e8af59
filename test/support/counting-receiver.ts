import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A receiver that answers 200 and counts, in a process of its own: for many requests, and for exact times. */
export async function startCountingReceiver() {
  const child = fork(fileURLToPath(new URL('counting-receiver-child.ts', import.meta.url)));
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];

  async function ask<T>(question: string): Promise<T> {
    const answer = once(child, 'message');
    child.send(question);
    return (await answer)[0] as T;
  }

  return {
    url: `http://127.0.0.1:${port}`,
    /** Requests so far, and the events they were for. */
    counts: () => ask<{ requests: number; events: number }>('counts'),
    /** When each request arrived, in milliseconds. */
    times: async () => (await ask<{ times: number[] }>('times')).times,
    /** The events that came more than once. */
    repeated: async () => (await ask<{ repeated: string[] }>('repeated')).repeated,
    /** The events that came. */
    events: async () => (await ask<{ events: string[] }>('events')).events,
    close: () => child.disconnect(),
  };
}

export type CountingReceiver = Awaited<ReturnType<typeof startCountingReceiver>>;
