/**
 * A receiver in a process of its own that notes when requests arrive: beside a busy test, a stalled event loop would make two
 * requests that came apart look like one burst. Talks to its parent over IPC.
 */
import { createServer } from 'node:http';

const times: number[] = [];
const ids = new Set<unknown>();

const server = createServer((request, response) => {
  times.push(performance.now());
  ids.add(request.headers['webhook-id']);
  request.resume().once('end', () => response.end());
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on('message', () => process.send?.({ times, events: ids.size }));
process.on('disconnect', () => process.exit(0));
