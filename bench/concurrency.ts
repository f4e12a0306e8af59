/**
 * A receiver that can work on 8 requests at a time and is too slow for many more before they time out: how long 2,000 events take to be
 * delivered, and how many attempts they cost, with several limits of attempts in flight for one subscription.
 */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startBox } from './box.ts';

const EVENTS = 2_000;
const LONGEST_MS = 90_000;
/** A receiver's 100 ms, eight at a time: with more than 40 in flight the last ones wait longer than this. */
const SETTINGS = {
  DELIVERY_TIMEOUT: '500ms',
  RETRY_SCHEDULE: '500ms,1s,2s,4s,4s,4s,8s,8s,8s,8s,8s,8s,8s',
  RETRY_JITTER: '0.1',
};

for (const limit of process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['10', '64', '256']) {
  const box = await startBox({ ...SETTINGS, SUBSCRIPTION_CONCURRENCY: limit });
  try {
    await box.addPartner('slow', '/limited');
    const started = performance.now();
    for (let sent = 0; sent < EVENTS; sent += 500) await box.publishBatch('slow', 500);
    const { succeeded, attempts } = await finished(box.databaseUrl);
    const seconds = (performance.now() - started) / 1_000;
    console.log(
      `limit ${limit.padStart(4)}: ${succeeded} of ${EVENTS} delivered in ${seconds.toFixed(1)} s, ${(attempts / EVENTS).toFixed(2)} attempts an event`,
    );
  } finally {
    await box.stop();
  }
}

async function finished(url: string): Promise<{ succeeded: number; attempts: number }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const deadline = Date.now() + LONGEST_MS; ; await delay(100)) {
      const { rows } = await client.query<{ succeeded: number; pending: number; attempts: number; all: number }>(
        `SELECT count(*) FILTER (WHERE state = 'succeeded')::int AS succeeded, count(*) FILTER (WHERE state = 'pending')::int AS pending,
           coalesce(sum(attempt_count), 0)::int AS attempts, count(*)::int AS all FROM deliveries`,
      );
      const row = rows[0] as { succeeded: number; pending: number; attempts: number; all: number };
      if ((row.all === EVENTS && row.pending === 0) || Date.now() > deadline) return row;
    }
  } finally {
    await client.end();
  }
}
