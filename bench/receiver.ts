/**
 * A fast receiver: answers 200 to every POST, counts, and measures publish → arrival by the `"t":` (milliseconds of the monotonic clock, scheduled
 * time of publishing) in the body. Paths under `/hang` are answered after 10 s; `/limited` works on 8 requests at a time, 100 ms on each, whether its caller
 * still waits or not. Talks to its parent over IPC.
 */
import { createServer } from 'node:http';

let hangMs = 10_000;
const MARK = '"t":';

interface Counter {
  count: number;
  latencies: number[];
  /** Ids of what has arrived, on paths under `/each`: repeats can then be told. */
  events: Set<string>;
}

const counters = new Map<string, Counter>();

/** Requests since the start, whatever was taken meanwhile. */
let total = 0;

function counterOf(path: string): Counter {
  let counter = counters.get(path);
  if (!counter) {
    counter = { count: 0, latencies: [], events: new Set() };
    counters.set(path, counter);
  }
  return counter;
}

const LIMITED_TO = 8;
const LIMITED_MS = 100;
const inLine: (() => void)[] = [];
let working = 0;

/** A small service in front of a slow database. */
function limited(answer: () => void): void {
  inLine.push(answer);
  work();
}

function work(): void {
  if (working >= LIMITED_TO) return;
  const answer = inLine.shift();
  if (!answer) return;
  working++;
  setTimeout(() => {
    working--;
    answer();
    work();
  }, LIMITED_MS);
}

const server = createServer((request, response) => {
  const arrived = Number(process.hrtime.bigint()) / 1e6; // the load generator's clock
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = (chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString('latin1', 0, 300);
    const at = body.indexOf(MARK);
    const counter = counterOf(request.url as string);
    counter.count++;
    total++;
    if (request.url?.startsWith('/each')) counter.events.add(request.headers['webhook-id'] as string);
    if (at >= 0) counter.latencies.push(arrived - Number.parseFloat(body.slice(at + MARK.length, at + 24)));
    if (request.url === '/limited') limited(() => response.end('ok'));
    else if (request.url?.startsWith('/hang')) setTimeout(() => response.end('ok'), hangMs).unref();
    else response.end('ok');
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));

let reported = 0;
setInterval(() => {
  if (total !== reported) process.send?.({ total });
  reported = total;
}, 5);

process.on('message', (message: { take?: string; hangMs?: number }) => {
  if (message.hangMs !== undefined) hangMs = message.hangMs;
  if (message.take) {
    const { count, latencies, events } = counterOf(message.take);
    process.send?.({ taken: { count, latencies, events: events.size } });
    counters.delete(message.take);
  }
});
process.on('disconnect', () => process.exit(0));
