/**
 * Invariant 9, on API and workers in processes of their own: Postgres, SNS and SQS, workers and receivers are pulled away under
 * load, and everything that was accepted arrives.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let receiver: Receiver;

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => Promise.all([service.stop(), receiver.close()]));

/** Publishes steadily until stopped; 503 is an answer, and only what was accepted is owed. */
function publishing(): { stop(): Promise<string[]> } {
  const accepted: string[] = [];
  let stopped = false;
  async function publisher(): Promise<void> {
    while (!stopped) {
      const event = { partnerId: 'acme', type: 'order.created', data: {} };
      const { status, body } = await service.call<{ id: string }>('POST', '/v1/events', event);
      if (status === 202) accepted.push(body.id);
      else expect(status).toBe(503);
      await delay(5);
    }
  }
  const publishers = Promise.all(Array.from({ length: 4 }, publisher));
  return {
    stop: async () => {
      stopped = true;
      await publishers;
      return accepted;
    },
  };
}

const ids = (path = '/hook') => receiver.at(path).map(({ headers }) => headers['webhook-id'] as string);

/** Everything accepted has arrived and is on record as succeeded. */
async function expectAllDelivered(accepted: readonly string[]): Promise<void> {
  const missing = () => new Set(accepted).difference(new Set(ids())).size;
  await until(missing, (count) => count === 0, 90_000);
  const recorded = ({ succeeded = 0, pending = 0 }) => succeeded >= accepted.length && pending === 0;
  expect(await until(service.deliveryStates, recorded, 60_000)).toEqual({ succeeded: expect.any(Number) });
  const { rows } = await service.pool.query('SELECT count(*)::int AS n FROM dead_letters');
  expect(rows[0].n).toBe(0);
}

it('Postgres killed twice under load: nothing accepted is lost, no process ends, no message becomes a dead letter', async () => {
  service = await startService({ ownPostgres: true });
  await service.addPartner('acme', [`${receiver.url}/hook`]);
  const load = publishing();
  for (let kill = 0; kill < 2; kill++) {
    await receiver.arrived('/hook', ids().length + 100);
    process.kill(postmasterPid(), 'SIGKILL');
    await until(
      () =>
        service.pool.query('SELECT 1').then(
          () => true,
          () => false,
        ),
      (up) => up,
    );
  }
  const accepted = await load.stop();
  await expectAllDelivered(accepted);
}, 180_000);

function postmasterPid(): number {
  const file = `${service.dataDir}/postgres/postmaster.pid`;
  return Number(readFileSync(file, 'utf8').split('\n')[0]);
}

it('SNS and SQS away under load: what was accepted is delivered once it is back', async () => {
  service = await startService({ durableQueues: true });
  await service.addPartner('acme', [`${receiver.url}/hook`]);
  const load = publishing();
  await receiver.arrived('/hook', 100);
  await service.emulator.interrupt();
  await receiver.arrived('/hook', ids().length + 100);
  await expectAllDelivered(await load.stop());
}, 180_000);

it('a worker killed in mid-delivery: its messages come back, and only those in flight are repeated', async () => {
  service = await startService({ workers: 1 });
  await service.addPartner('acme', [`${receiver.url}/hook`]);
  const load = publishing();
  await receiver.arrived('/hook', 200);
  await service.workers[0]?.kill('SIGKILL');
  await service.startWorker();
  const accepted = await load.stop();
  await expectAllDelivered(accepted);
  const repeated = ids().length - new Set(ids()).size;
  expect(repeated).toBeLessThanOrEqual(64); // the POSTs that one subscription can have in flight
}, 180_000);

it('a receiver that is down, then up: everything is retried until it arrives', async () => {
  service = await startService();
  const port = Number(new URL(receiver.url).port);
  await service.addPartner('acme', [`${receiver.url}/hook`]);
  await receiver.close();
  const accepted = await Promise.all(Array.from({ length: 50 }, () => service.publish('acme')));
  await until(service.deliveryStates, ({ pending = 0 }) => pending === 50);
  receiver = await startReceiver(port);
  await expectAllDelivered(accepted);
  const { rows } = await service.pool.query(`SELECT DISTINCT outcome::text FROM attempts WHERE number = 1`);
  expect(rows).toEqual([{ outcome: 'connection_failed' }]);
});

it('SNS away: events are refused with 503, never accepted and lost', async () => {
  service = await startService({ durableQueues: true });
  await service.addPartner('acme', [`${receiver.url}/hook`]);
  await service.publish('acme'); // the partner is known from now on
  await receiver.arrived('/hook', 1);
  await service.emulator.stop();
  const refused = await service.call('POST', '/v1/events', { partnerId: 'acme', type: 'a', data: 1 });
  expect([refused.status, refused.body.code]).toEqual([503, 'unavailable']);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  expect(ids()).toHaveLength(1);
});

it('an API process is ready while it can publish, and says what is away', async () => {
  service = await startService({ workers: 0, durableQueues: true });
  const ready = () => service.call<{ ready: boolean; checks: object[] }>('GET', '/ready');
  const isReady = async () => (await ready()).status;
  expect(await ready()).toMatchObject({
    status: 200,
    body: {
      checks: [
        { name: 'database', ok: true },
        { name: 'sns', ok: true },
      ],
    },
  });
  await service.emulator.stop();
  await until(isReady, (status) => status === 503);
  expect((await ready()).body).toEqual({
    ready: false,
    checks: [
      { name: 'database', ok: true },
      { name: 'sns', ok: false, detail: 'SNS cannot be reached' },
    ],
  });
  await service.emulator.start();
  await until(isReady, (status) => status === 200);
});
