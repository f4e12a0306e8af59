import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPublisher, createSnsTransport, createSqsTransport, TransportError } from '../../src/pubsub/index.ts';
import { outgoing } from './harness.ts';

describe('a broker that accepts connections and never answers', () => {
  const server = net.createServer(() => {});
  const aws = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
  let endpoint: string;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    endpoint = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
  });

  it('makes publishing unavailable, not endless', async () => {
    const options = { ...aws, endpoint, requestTimeoutMs: 200 };
    const transport = createSnsTransport({ topicArn: 'arn:aws:sns:us-east-1:000000000000:none', aws: options });
    const publisher = createPublisher({ transport, deadlineMs: 500 });
    expect(await publisher.publish(outgoing('{}'))).toMatchObject({ ok: false, reason: 'unavailable' });
    await publisher.close();
  });

  it('ends a long poll 5 s after its wait', async () => {
    const queue = createSqsTransport({ queueUrl: 'http://sqs.invalid/000000000000/none', aws: { ...aws, endpoint } });
    const started = Date.now();
    const error = await queue.receive({ maxMessages: 10, waitSeconds: 1, visibilitySeconds: 30 }).catch((e) => e);
    expect(error).toBeInstanceOf(TransportError);
    expect(error.kind).toBe('retry');
    expect(Date.now() - started).toBeGreaterThan(5_000);
    expect(Date.now() - started).toBeLessThan(9_000);
    queue.close();
  });
});
