import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook request as it arrived. */
export interface Arrival {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface FullAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Status to answer with, or a promise of it: the request hangs until it is kept. */
export type Answer = (arrival: Arrival, nth: number) => number | FullAnswer | Promise<number>;

/** A partner's receiver: remembers what arrived, answers as told, and can be waited on. */
export interface Receiver {
  readonly url: string;
  readonly arrivals: readonly Arrival[];
  /** For one path; `nth` counts its requests from 1. Default: 200. */
  answer(path: string, answer: Answer): void;
  /** Resolves when so many requests have arrived at a path. */
  arrived(path: string, count: number): Promise<void>;
  at(path: string): Arrival[];
  close(): Promise<void>;
}

export async function startReceiver(port = 0): Promise<Receiver> {
  const arrivals: Arrival[] = [];
  const answers = new Map<string, Answer>();
  let waiters: { done: () => boolean; resolve: () => void }[] = [];
  const at = (path: string) => arrivals.filter((arrival) => arrival.path === path);

  function settleWaiters(): void {
    const ready = waiters.filter(({ done }) => done());
    waiters = waiters.filter((waiter) => !ready.includes(waiter));
    for (const { resolve } of ready) resolve();
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const arrival = { path: request.url as string, headers: request.headers, body: Buffer.concat(chunks) };
    arrivals.push(arrival);
    const status = answers.get(arrival.path)?.(arrival, at(arrival.path).length) ?? 200;
    settleWaiters();
    const answer = await status;
    if (typeof answer === 'number') response.writeHead(answer).end('thanks');
    else response.writeHead(answer.status, answer.headers).end('later');
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrivals,
    at,
    answer: (path, answer) => void answers.set(path, answer),
    arrived: (path, count) =>
      new Promise((resolve) => {
        waiters.push({ done: () => at(path).length >= count, resolve });
        settleWaiters();
      }),
    close: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
