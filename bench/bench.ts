/**
 * What the whole of Postrider does on one box, bounded to 90 s: 1 KiB events, fan-out 1. Prints a table and writes
 * bench/results/latest.json. The machines this runs on are shared: compare figures of one run, and watch worker ÷ floor.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import pg from 'pg';
import { startBox } from './box.ts';
import { runJson } from './processes.ts';
import { latency, type Results, report, type Sustained } from './report.ts';

const PARTNER = { partnerId: 'bench' };
const PATH = '/fast';

const box = await startBox();
try {
  const results = await bench();
  console.log(report(results));
  const folder = new URL('results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('latest.json', folder), `${JSON.stringify(results, null, 2)}\n`);
} finally {
  await box.stop();
}

async function bench(): Promise<Results> {
  await box.addPartner(PARTNER.partnerId, PATH);
  await box.play({ ...PARTNER, mode: 'closed', seconds: 4, batch: 1, outstanding: 300, connections: 32 }); // warm
  await box.drained(PATH);
  const floor = runJson<{ cpuUsPerPost: number }>('floor.ts', [box.receiverUrl, '3']);
  const at100 = await openLoop(100);
  const at500 = await openLoop(500);
  const bytesBefore = await tableBytes();
  const single = await sustained(1);
  const postgresBytesPerEvent = ((await tableBytes()) - bytesBefore) / single.events;
  const batch = await sustained(100);
  await box.worker.stop();
  const accept = await box.play({ ...PARTNER, mode: 'accept', seconds: 6, batch: 250, connections: 4 });
  return {
    at: new Date().toISOString(),
    node: process.version,
    floorUsPerPost: floor.cpuUsPerPost,
    at100,
    at500,
    single,
    batch,
    acceptPerSecond: accept.accepted / accept.seconds,
    acceptFailed: accept.failed,
    postgresBytesPerEvent,
    workerOverFloor: (single.cpuUsPerEvent.worker as number) / floor.cpuUsPerPost,
  };
}

async function openLoop(rate: number) {
  await box.play({ ...PARTNER, mode: 'open', seconds: 12, rate, batch: 1, connections: 64 });
  return latency((await box.drained(PATH)).latencies);
}

/** In equilibrium: as many go in as come out. */
async function sustained(batch: number): Promise<Sustained> {
  const before = box.cpu();
  const started = performance.now();
  const connections = batch === 1 ? 64 : 4;
  const plan = { ...PARTNER, mode: 'closed', seconds: 12, batch, outstanding: 600, connections } as const;
  const { accepted } = await box.play(plan);
  const { count, latencies, lastAt } = await box.drained(PATH);
  if (count < accepted) throw new Error(`${accepted} accepted, ${count} arrived`);
  const cpuUsPerEvent = Object.fromEntries(
    Object.entries(box.cpu()).map(([name, us]) => [name, (us - (before[name] as number)) / count]),
  );
  return { events: count, perSecond: (count * 1000) / (lastAt - started), cpuUsPerEvent, latency: latency(latencies) };
}

/** Bytes of the three hot tables with all their indexes. */
async function tableBytes(): Promise<number> {
  const client = new pg.Client({ connectionString: box.databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ bytes: number }>(
    `SELECT sum(pg_total_relation_size(inhrelid))::float8 AS bytes FROM pg_inherits
     WHERE inhparent IN ('events'::regclass, 'deliveries'::regclass, 'attempts'::regclass)`,
  );
  await client.end();
  return rows[0]?.bytes ?? 0;
}
