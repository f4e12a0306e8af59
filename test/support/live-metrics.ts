import { createTelemetry } from '../../src/telemetry/index.ts';
import { startInProcess } from './in-process.ts';
import { startReceiver } from './receiver.ts';
import { until } from './until.ts';

/**
 * What GET /metrics answers after some traffic: deliveries that succeed at once, later and never, a parked one, and a dead letter.
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
    return await until(scrape, (text) => /postrider_stats_lag_seconds \d/.test(text));
  } finally {
    await service.stop();
    await receiver.close();
  }
}
