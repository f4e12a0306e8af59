/**
 * Isolation (docs/DESIGN.md §3, invariant 5): partner A's receiver hangs 10 s on every one of 5,000 events, partner B publishes 100
 * events a second. Prints B's publish → arrival alone, while A's flood comes in, while A's backlog hangs, and while A's receiver is
 * back and works its backlog off. Fails when B's p99 is more than twice its baseline while A hangs or works off its backlog. (The
 * emulator has no fair queues: while A's flood stands in the queue in front of B's events, B waits for it to be parked.)
 */
import { mkdir, writeFile } from 'node:fs/promises';
import pg from 'pg';
import { startBox } from './box.ts';
import { type Latency, latency } from './report.ts';

const FLOOD = 5_000;
const SECONDS = 20;
const MOST_SLOWED = 2;

const box = await startBox();
try {
  await box.addPartner('a', '/hang');
  await box.addPartner('b', '/fast');
  await measureB(); // warm
  const baseline = await measureB();
  const [flood] = await Promise.all([measureB(), floodA()]);
  const waiting = await parked();
  const hanging = await measureB();
  box.receiver.send({ hangMs: 0 });
  const recovering = await measureB();
  const left = await parked();
  const line = (name: string, { p50, p99, max }: Latency) =>
    `${name.padEnd(42)} p50 ${p50.toFixed(1)} ms   p99 ${p99.toFixed(1)} ms   max ${max.toFixed(1)} ms   p99 ÷ alone ${(p99 / baseline.p99).toFixed(2)}`;
  const slowed = Math.max(hanging.p99, recovering.p99) / baseline.p99;
  console.log(line('B alone', baseline));
  console.log(line(`B while A's ${FLOOD} events come in`, flood));
  console.log(line(`B while A hangs, ${waiting} of its events waiting`, hanging));
  console.log(line(`B while A is back: ${waiting} → ${left} waiting`, recovering));
  const folder = new URL('results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  const results = { at: new Date().toISOString(), waiting, left, baseline, flood, hanging, recovering, slowed };
  await writeFile(new URL('isolation.json', folder), `${JSON.stringify(results, null, 2)}\n`);
  if (slowed > MOST_SLOWED) {
    console.error(`B's p99 is ${slowed.toFixed(2)} times its baseline: more than ${MOST_SLOWED}`);
    process.exitCode = 1;
  }
} finally {
  await box.stop();
}

async function measureB(): Promise<Latency> {
  await box.play({ partnerId: 'b', mode: 'open', seconds: SECONDS, rate: 100, batch: 1, connections: 16 });
  return latency((await box.drained('/fast')).latencies);
}

/** As fast as the API takes them, a second after B has begun. */
async function floodA(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  for (let sent = 0; sent < FLOOD; sent += 500) await box.publishBatch('a', 500);
}

async function parked(): Promise<number> {
  const client = new pg.Client({ connectionString: box.databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM deliveries WHERE state = 'pending'`,
  );
  await client.end();
  return rows[0]?.n ?? 0;
}
