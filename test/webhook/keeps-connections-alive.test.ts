import { once } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { createConnections } from '../../src/webhook/connections.ts';
import { createConnector } from '../../src/webhook/connector.ts';
import type { Sender } from '../../src/webhook/sender.ts';
import { answering, brief, httpReceiver, post, rawReceiver, tlsReceiver } from './receiver.ts';
import { loopback, testbed } from './testbed.ts';

const { senderWith, use } = testbed();
let sender: Sender;

beforeEach(() => {
  sender = senderWith({ userAgent: 'Postrider/test' });
});

describe('connections', () => {
  it('are kept alive: a sequence needs one, and timing shows it', async () => {
    const receiver = await use(tlsReceiver('valid', answering(200)));
    const first = await sender.send(post(receiver.url));
    expect(first.timing).toMatchObject({ reusedConnection: false, dnsMs: null });
    for (let n = 0; n < 5; n++) {
      const { timing } = await sender.send(post(receiver.url));
      expect(timing).toMatchObject({ reusedConnection: true, dnsMs: null, connectMs: null, tlsMs: null });
      expect(timing.firstByteMs).toBeGreaterThan(0);
    }
    expect(receiver.connections()).toBe(1);
  });

  it('carry one request each at a time', async () => {
    const held: (() => void)[] = [];
    const receiver = await use(
      httpReceiver((request, response) => {
        held.push(() => request.resume().on('end', () => response.end('done')));
        if (held.length === 50) for (const go of held) go();
      }),
    );
    const results = await Promise.all(Array.from({ length: 50 }, () => sender.send(post(receiver.url))));
    expect(results.every((each) => each.outcome === 'succeeded' && !each.timing.reusedConnection)).toBe(true);
    expect(receiver.connections()).toBe(50);
  });

  it('that the receiver closes while idle are replaced', async () => {
    const receiver = await use(httpReceiver((_request, response) => response.setHeader('connection', 'close').end()));
    for (let n = 0; n < 3; n++) {
      const result = await sender.send(post(receiver.url));
      expect(result.outcome).toBe('succeeded');
      expect(result.timing.reusedConnection).toBe(false);
    }
    expect(receiver.connections()).toBe(3);
  });

  it('that were closed by surprise after an answer are replaced', async () => {
    const receiver = await use(
      httpReceiver((request, response) => {
        request.resume().on('end', () => response.end('ok', () => request.socket.end()));
      }),
    );
    for (let n = 0; n < 20; n++) {
      expect(brief(await sender.send(post(receiver.url)))).toMatchObject({ outcome: 'succeeded', error: null });
      await receiver.allClosed(); // the sender has closed its side too
    }
    expect(receiver.connections()).toBe(20);
  });

  it('that are idle are closed within the time the receiver names', async () => {
    const { allClosed, url } = await use(
      rawReceiver('HTTP/1.1 200 OK\r\nkeep-alive: timeout=3\r\ncontent-length: 0\r\n\r\n'),
    );
    await sender.send(post(url));
    const start = performance.now();
    await allClosed();
    expect(performance.now() - start).toBeLessThan(2500); // 3 s less undici's margin of 2 s
  });
});

describe('an attempt in flight', () => {
  it('ends with the reason when all are aborted', async () => {
    const arrived = Promise.withResolvers<void>();
    const { url } = await use(httpReceiver(() => arrived.resolve()));
    const sending = sender.send(post(url));
    await arrived.promise;
    sender.abortAll('Postrider was stopped');
    expect(brief(await sending)).toEqual({ outcome: 'timeout', error: 'Postrider was stopped', status: null });
    expect((await sending).cutShort).toBe('sent');
    expect((await sender.send(post(url))).cutShort).toBe('unsent'); // asked for later
  });

  it('is waited for by close, which takes no more, and may be called twice', async () => {
    const arrived = Promise.withResolvers<() => void>();
    const { url, allClosed } = await use(
      httpReceiver((_request, response) => arrived.resolve(() => response.end('in time'))),
    );
    const sending = sender.send(post(url));
    const answer = await arrived.promise;
    const closing = Promise.all([sender.close(), sender.close()]);
    expect((await sender.send(post(url))).error).toBe('the sender is closed');
    answer();
    expect((await sending).response?.body).toBe('in time');
    await closing;
    await allClosed();
  });
});

it('connections to many origins are released when they have been idle', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nkeep-alive: timeout=3\r\ncontent-length: 0\r\n\r\n';
  const receiver = await use(rawReceiver(answer));
  const resolve = async () => ['127.0.0.1'];
  const connections = createConnections(createConnector({ guard: loopback, resolve, timeoutMs: 5000 }));
  const closed: Promise<unknown>[] = [];
  for (let n = 0; n < 100; n++) {
    const connection = connections.acquire(`http://h${n}.test:${receiver.port}`);
    await connection.client.request({ path: '/', method: 'POST' }).then(({ body }) => body.dump());
    connections.release(connection);
    closed.push(once(connection.client, 'disconnect'));
  }
  expect(connections.size).toBe(100);
  await Promise.all(closed);
  expect(connections.size).toBe(0);
});

it('a receiver that misbehaves in every way leaves nothing behind', async () => {
  let count = 0;
  const receiver = await use(
    httpReceiver((request, response) => {
      const ways = [
        () => response.end('fine'),
        () => request.socket.destroy(),
        () => request.socket.resetAndDestroy(),
        () => response.end('fine', () => request.socket.destroy()),
        () => response.writeHead(200).write('half', () => request.socket.destroy()),
        () => request.socket.end('rubbish'),
        () => response.setHeader('connection', 'close').end(),
        () => undefined,
      ];
      ways[count++ % ways.length]?.();
    }),
  );
  const outcomes = new Map<string, number>();
  const sendMany = async () => {
    for (let n = 0; n < 25; n++) {
      const { outcome } = await sender.send(post(receiver.url, { timeoutMs: 250 }));
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 40 }, sendMany));
  expect([...outcomes.keys()].sort()).toEqual(['connection_failed', 'succeeded', 'timeout']);
  expect([...outcomes.values()].reduce((sum, each) => sum + each)).toBe(1000);
  await sender.close();
  await receiver.allClosed();
});
