/**
 * SIGKILL of the only worker at 300 events a second, which is started again at once: what is lost, what comes twice, and how late the
 * slowest event is.
 */
import pg from 'pg';
import { startBox } from './box.ts';
import { latency } from './report.ts';

const PLAN = { partnerId: 'each', mode: 'open', seconds: 20, rate: 300, batch: 1, connections: 64 } as const;
const KILLED_AFTER_MS = 8_000;
const LONGEST_MS = 90_000;

const box = await startBox();
try {
  await box.addPartner('each', '/each');
  const playing = box.play(PLAN);
  await new Promise((resolve) => setTimeout(resolve, KILLED_AFTER_MS));
  process.kill(box.worker.pid, 'SIGKILL');
  await box.startWorker();
  const { accepted } = await playing;
  await succeeded(accepted);
  const { count, events, latencies } = await box.drained('/each');
  const { p50, p99, max } = latency(latencies);
  console.log(`accepted ${accepted}, lost ${accepted - events}, twice ${count - events}`);
  console.log(
    `publish → arrival p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, slowest ${(max / 1000).toFixed(1)} s`,
  );
} finally {
  await box.stop();
}

/** The killed worker's messages come back after their visibility. */
async function succeeded(count: number): Promise<void> {
  const client = new pg.Client({ connectionString: box.databaseUrl });
  await client.connect();
  for (const deadline = Date.now() + LONGEST_MS; Date.now() < deadline; ) {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM deliveries WHERE state = 'succeeded'`,
    );
    if ((rows[0]?.n ?? 0) >= count) break;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  await client.end();
}
