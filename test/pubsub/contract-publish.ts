import { expect, it } from 'vitest';
import {
  createPublisher,
  type EntryFailure,
  MAX_MESSAGE_BYTES,
  messageBytes,
  type SendTransport,
} from '../../src/pubsub/index.ts';
import { onLocalStack } from '../support/emulator.ts';
import type { Context } from './contract.ts';
import { eventually, outgoing } from './harness.ts';

/** A transport that fails the entries with these bodies, each the first time. */
function failingOnce(transport: SendTransport, bodies: string[], kind: EntryFailure['kind']): SendTransport {
  const left = new Set(bodies);
  return {
    ...transport,
    async publishBatch(messages) {
      const sent = messages.filter((message) => !left.has(message.body));
      const answers = sent.length === 0 ? [] : await transport.publishBatch(sent);
      return messages.map((message) =>
        left.delete(message.body) ? { ok: false, kind, detail: `${kind} once` } : answers[sent.indexOf(message)]!,
      );
    },
  };
}

/** What a publisher promises, and where its messages go. */
export function publishPromises(context: Context): void {
  it('delivers bodies and attributes byte for byte', async () => {
    const { live } = await context.open();
    const { received, bodies } = context.consume(live);
    const odd = [
      ' {"a" :\t1.0e2,\r\n "b":"ü€\u{1F600}\u2028&<>+%25="}\n',
      '\u{10FFFF}\uE000\uFFFD',
      '{}',
      'x'.repeat(200_000),
    ];
    const attributes = {
      lane: 'live',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      note: 'ü \u{1F680}',
    };
    for (const body of odd)
      expect(await context.publisher.publish(outgoing(body, attributes))).toMatchObject({ ok: true });
    await eventually(() => expect(bodies().sort()).toEqual([...odd].sort()));
    expect(received[0]).toMatchObject({ attributes, receiveCount: 1 });
    expect(Math.abs(received[0]!.sentAt.getTime() - Date.now())).toBeLessThan(60_000);
    if (context.broker.keepsGroupId) expect(received[0]!.groupId).toBe('acme');
  });

  it('answers each of many concurrent messages and delivers every one', async () => {
    const { live } = await context.open();
    const sent = Array.from({ length: 437 }, (_, i) => `message ${i}`);
    const { bodies, consumer } = context.consume(live);
    const results = await context.publishAll(sent);
    expect(new Set(results.map((result) => (result.ok ? result.messageId : 'failed'))).size).toBe(437);
    await eventually(() => expect(bodies().sort()).toEqual([...sent].sort()));
    await eventually(() => expect(consumer.inFlight).toBe(0));
    expect(await live.depth()).toEqual({ waiting: 0, inFlight: 0, delayed: 0 });
  });

  it('refuses what is too large, to the byte', async () => {
    const { live } = await context.open();
    const frame = messageBytes(outgoing(''));
    const largest = outgoing('y'.repeat(MAX_MESSAGE_BYTES - frame));
    const { bodies } = context.consume(live);
    expect(await context.publisher.publish({ ...largest, body: `${largest.body}y` })).toMatchObject({
      reason: 'too_large',
    });
    expect(await context.publisher.publish(largest)).toMatchObject({ ok: true });
    await eventually(() => expect(bodies()).toEqual([largest.body]));
  });

  it('fails only the entry with invalid characters', async () => {
    const { live } = await context.open();
    const { bodies } = context.consume(live);
    const results = await context.publishAll([
      'a',
      'nul \u0000',
      'b',
      'lone \uD800',
      'c',
      'not a character \uFFFF',
      '',
    ]);
    expect(results.map((result) => (result.ok ? 'ok' : result.reason))).toEqual([
      'ok',
      'invalid_characters',
      'ok',
      'invalid_characters',
      'ok',
      'invalid_characters',
      'rejected',
    ]);
    await eventually(() => expect(bodies().sort()).toEqual(['a', 'b', 'c']));
  });

  it('retries the failed entries of a batch, and only those', async () => {
    const { topic, live } = await context.open();
    const flaky = createPublisher({ transport: failingOnce(topic, ['b', 'd'], 'retry') });
    const { bodies } = context.consume(live);
    const results = await Promise.all(['a', 'b', 'c', 'd'].map((body) => flaky.publish(outgoing(body))));
    expect(results.every((result) => result.ok)).toBe(true);
    await eventually(() => expect(bodies().sort()).toEqual(['a', 'b', 'c', 'd']));
  });

  it("does not retry an entry that is the sender's fault", async () => {
    const { topic } = await context.open();
    const refusing = createPublisher({ transport: failingOnce(topic, ['b'], 'rejected') });
    const results = await Promise.all(['a', 'b'].map((body) => refusing.publish(outgoing(body))));
    expect(results).toMatchObject([{ ok: true }, { ok: false, reason: 'rejected', detail: 'rejected once' }]);
  });

  it('routes by lane, and to the first lane without one', async () => {
    const { lanes } = await context.open();
    const live = context.consume(lanes.live!.queue);
    const bulk = context.consume(lanes.bulk!.queue);
    await context.publisher.publish(outgoing('to bulk', { lane: 'bulk' }));
    await context.publisher.publish(outgoing('to live', { lane: 'live' }));
    await context.publisher.publish(outgoing('no lane', { source: 'shop' }));
    await eventually(() => expect(live.bodies().sort()).toEqual(['no lane', 'to live']));
    await eventually(() => expect(bulk.bodies()).toEqual(['to bulk']));
  });

  // LocalStack 4.14 lets it through to the first lane, other than AWS documents.
  it.skipIf(onLocalStack())(
    'drops a publish without any attribute where there are several lanes, as SNS does',
    async () => {
      const { live } = await context.open();
      const { bodies } = context.consume(live);
      expect(await context.publisher.publish(outgoing('bare', {}))).toMatchObject({ ok: true });
      await context.publisher.publish(outgoing('after it'));
      await eventually(() => expect(bodies()).toEqual(['after it']));
    },
  );

  it('takes a publish without any attribute where there is one lane', async () => {
    const { live } = await context.open({ lanes: ['live'] });
    const { bodies } = context.consume(live);
    await context.publisher.publish(outgoing('bare', {}));
    await eventually(() => expect(bodies()).toEqual(['bare']));
  });

  it('answers unavailable when the deadline passes', async () => {
    const { topic } = await context.open();
    await context.broker.setDown(true);
    const hasty = createPublisher({ transport: topic, deadlineMs: 300, maxPending: 20 });
    const results = await Promise.all(Array.from({ length: 25 }, (_, i) => hasty.publish(outgoing(`${i}`))));
    const reasons = results.map((result) => (result.ok ? 'ok' : result.reason));
    expect(reasons.filter((reason) => reason === 'unavailable')).toHaveLength(20);
    expect(reasons.filter((reason) => reason === 'saturated')).toHaveLength(5);
    expect(hasty.pending).toBe(0);
  });

  it('sends to a queue directly', async () => {
    const { lanes } = await context.open();
    const direct = createPublisher({ transport: lanes.live!.queue });
    expect(await direct.publish(outgoing('\u{1F600}'))).toMatchObject({ ok: true });
    const [message] = await lanes.live!.queue.receive({ maxMessages: 1, waitSeconds: 5, visibilitySeconds: 30 });
    expect(message).toMatchObject({ body: '\u{1F600}', attributes: { lane: 'live' } });
  });
}
