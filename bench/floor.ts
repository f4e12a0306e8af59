/** The floor: undici `Pool.dispatch` alone, 1 KiB POSTs to the receiver, 48 at a time. Prints µs of its own CPU per POST. */
import { type Dispatcher, Pool } from 'undici';

const [url, seconds] = [process.argv[2] as string, Number(process.argv[3])];
const pool = new Pool(url, { connections: 48 });
const body = `{"type":"order.created","timestamp":"2026-01-01T00:00:00.000Z","data":{"note":"${'x'.repeat(930)}"}}`;
const headers = { 'content-type': 'application/json' };

let posts = 0;
function post(): Promise<void> {
  return new Promise((resolve, reject) => {
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart() {},
      onResponseData() {},
      onResponseEnd() {
        posts++;
        resolve();
      },
      onResponseError: (_controller, error) => reject(error),
    };
    pool.dispatch({ method: 'POST', path: '/floor', headers, body }, handler);
  });
}

async function keepPosting(until: number): Promise<void> {
  while (performance.now() < until) await post();
}

await Promise.all(Array.from({ length: 48 }, () => keepPosting(performance.now() + 500))); // warm
posts = 0;
const cpu = process.cpuUsage();
await Promise.all(Array.from({ length: 48 }, () => keepPosting(performance.now() + seconds * 1000)));
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ posts, cpuUsPerPost: (user + system) / posts }));
await pool.close();
