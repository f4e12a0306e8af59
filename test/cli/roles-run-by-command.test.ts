import { describe, expect, it, onTestFinished } from 'vitest';
import { startReceiver } from '../support/receiver.ts';
import { startService } from '../support/service.ts';
import { until } from '../support/until.ts';
import { startPostrider } from './run.ts';

describe('the roles run by command', () => {
  it('postrider api and worker deliver, and end with 0 when they are told to', async () => {
    const [service, receiver] = await Promise.all([startService({ workers: 0 }), startReceiver()]);
    onTestFinished(async () => {
      await service.stop();
      await receiver.close();
    });
    await service.addPartner('acme', [`${receiver.url}/hooks`]);
    const env = { ...service.env, LOG_LEVEL: 'info' };
    const [api, worker] = [startPostrider(['api'], env), startPostrider(['worker'], env)];
    const { api: url } = JSON.parse(await api.line(/api\.started/)) as { api: string };
    await worker.line(/worker\.started/);

    const published = await fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${service.adminKey}`, 'content-type': 'application/json' },
      body: '{"partnerId":"acme","type":"order.created","data":1}',
    });
    expect(published.status).toBe(202);
    await receiver.arrived('/hooks', 1);
    await until(service.deliveryStates, ({ succeeded }) => succeeded === 1);
    expect(await Promise.all([api.interrupt(), worker.interrupt()])).toEqual([0, 0]);
  });
});
