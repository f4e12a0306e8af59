/** The load generator: publishes over HTTP in one of three ways, and says what was accepted. Talks to its parent over IPC. */
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';

export interface LoadPlan {
  readonly apiUrl: string;
  readonly key: string;
  readonly partnerId: string;
  /** `closed`: at most `outstanding` events published and not arrived. `open`: `rate` a second, whatever happens. `accept`: as fast as accepted. */
  readonly mode: 'closed' | 'open' | 'accept';
  readonly seconds: number;
  /** Events per HTTP call. */
  readonly batch: number;
  readonly outstanding?: number;
  /** Deliveries that each event has. Default 1. */
  readonly fanOut?: number;
  readonly rate?: number;
  readonly connections: number;
}

export interface LoadResult {
  readonly accepted: number;
  readonly failed: number;
  readonly seconds: number;
}

const PADDING = 'x'.repeat(880);
/** Milliseconds of the clock that all processes share; `performance.timeOrigin` differs by what the wall clock was set in between. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

let arrived = 0;

function eventJson(partnerId: string, at: number): string {
  // About 1 KiB on the wire, as a producer would send it.
  return `{"partnerId":"${partnerId}","type":"order.created","data":{"t":${at.toFixed(3)},"order":"ord_1","note":"${PADDING}"}}`;
}

async function run(plan: LoadPlan): Promise<LoadResult> {
  const pool = new Pool(plan.apiUrl, { connections: plan.connections });
  const path = plan.batch === 1 ? '/v1/events' : '/v1/events/batch';
  const headers = { authorization: `Bearer ${plan.key}`, 'content-type': 'application/json' };
  let accepted = 0;
  let failed = 0;
  let sent = 0;

  async function publish(at: number): Promise<void> {
    sent += plan.batch;
    const events = Array.from({ length: plan.batch }, () => eventJson(plan.partnerId, at));
    const body = plan.batch === 1 ? (events[0] as string) : `{"events":[${events.join(',')}]}`;
    const response = await pool.request({ method: 'POST', path, headers, body });
    await response.body.dump();
    if (response.statusCode === 202) accepted += plan.batch;
    else failed += plan.batch;
  }

  const started = now();
  const end = started + plan.seconds * 1000;
  const base = arrived;
  if (plan.mode === 'open') await openLoop();
  else await Promise.all(Array.from({ length: plan.connections }, publisher));

  /** Times are scheduled ahead: a slow answer does not hide the wait of those behind it. */
  async function openLoop(): Promise<void> {
    const gap = 1000 / (plan.rate as number);
    const calls: Promise<void>[] = [];
    for (let at = started; at < end; at += gap) {
      const wait = at - now();
      if (wait > 0) await delay(wait);
      calls.push(publish(at));
    }
    await Promise.all(calls);
  }

  async function publisher(): Promise<void> {
    while (now() < end) {
      if (plan.mode === 'closed' && sent - (arrived - base) / (plan.fanOut ?? 1) > (plan.outstanding as number))
        await delay(1);
      else await publish(now());
    }
  }

  const seconds = (now() - started) / 1000;
  await pool.close();
  return { accepted, failed, seconds };
}

process.on('message', (message: { plan?: LoadPlan; arrived?: number }) => {
  if (message.arrived !== undefined) arrived = message.arrived;
  if (message.plan) void run(message.plan).then((result) => process.send?.({ result }));
});
process.on('disconnect', () => process.exit(0));
