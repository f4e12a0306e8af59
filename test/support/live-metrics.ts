import { createTelemetry } from '../../src/telemetry/index.ts';
import { startInProcess } from './in-process.ts';
import { startReceiver } from './receiver.ts';
import { until } from './until.ts';

/** What comes last: a retry's record, a probe's record, the first answers of SQS and Postgres. */
const EXPECTED = [
  /postrider_store_batch_rows_count\{kind="record_later"\} \d/,
  /postrider_stats_lag_seconds \d/,
  /postrider_queue_messages\{lane="live",state="visible"\} \d/,
  /route="\/metrics"/,
];

/**
 * What GET /metrics answers after some traffic: deliveries that succeed at once, later and not at all.
 * API and worker run in one process, so it has the metrics of both.
 */
export async function liveMetrics(): Promise<string> {
  const service = await startInProcess(createTelemetry('0.0.0-test', null), { BREAKER_AFTER: '2' });
  const receiver = await startReceiver();
  try {
    receiver.answer('/flaky', (_arrival, nth) => (nth === 1 ? 503 : 200));
    receiver.answer('/down', () => 500);
    for (const path of ['/well', '/flaky', '/down']) await service.addSubscription('acme', `${receiver.url}${path}`);
    for (let n = 0; n < 3; n++) {
      await service.call('POST', '/v1/events', { partnerId: 'acme', type: 'order.created', data: n });
    }
    await Promise.all([receiver.arrived('/well', 3), receiver.arrived('/flaky', 4)]);
    const scrape = async () => (await service.call('GET', '/metrics')).text;
    return await until(scrape, (text) => EXPECTED.every((series) => series.test(text)));
  } finally {
    await service.stop();
    await receiver.close();
  }
}
