/**
 * A receiver in a process of its own that notes when requests arrive, and of which events: beside a busy test, a stalled event loop
 * would make two requests that came apart look like one burst. Talks to its parent over IPC.
 */
import { createServer } from 'node:http';

const times: number[] = [];
const perEvent = new Map<string, number>();

const server = createServer((request, response) => {
  times.push(performance.now());
  const id = request.headers['webhook-id'] as string;
  perEvent.set(id, (perEvent.get(id) ?? 0) + 1);
  request.resume().once('end', () => response.end());
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));

const answers: Record<string, () => object> = {
  counts: () => ({ requests: times.length, events: perEvent.size }),
  times: () => ({ times }),
  repeated: () => ({ repeated: [...perEvent].filter(([, count]) => count > 1).map(([id]) => id) }),
  events: () => ({ events: [...perEvent.keys()] }),
};
process.on('message', (question: string) => process.send?.(answers[question]?.() ?? {}));
process.on('disconnect', () => process.exit(0));
