import { expect, it } from 'vitest';
import type { Message, QueueTransport } from '../../src/pubsub/index.ts';
import type { Context } from './contract.ts';
import { eventually, outgoing, peek } from './harness.ts';

/** What a consumer promises: leases, settlement, stop, outages. */
export function consumePromises(context: Context): void {
  it('deletes again what a delete left over', async () => {
    const { live } = await context.open();
    let calls = 0;
    const leaky: QueueTransport = {
      ...live,
      async deleteBatch(receipts) {
        if (++calls > 1) return live.deleteBatch(receipts);
        return receipts.map(() => ({ ok: false, kind: 'retry', detail: 'throttled' }));
      },
    };
    const { received, errors } = context.consume(leaky, () => {});
    await context.publisher.publish(outgoing('once'));
    await eventually(() => expect(received).toHaveLength(1));
    await received[0]!.ack();
    expect(calls).toBe(2);
    expect(errors).toEqual([]);
    expect(await live.depth()).toEqual({ waiting: 0, inFlight: 0, delayed: 0 });
  });

  it('brings a message again after its visibility, and counts', async () => {
    const { live } = await context.open();
    await context.publisher.publish(outgoing('again'));
    const [first] = await live.receive({ maxMessages: 10, waitSeconds: 5, visibilitySeconds: 1 });
    expect(first).toMatchObject({ body: 'again', receiveCount: 1 });
    expect(await peek(live)).toEqual([]);
    const [second] = await live.receive({ maxMessages: 10, waitSeconds: 5, visibilitySeconds: 30 });
    expect(second).toMatchObject({ body: 'again', receiveCount: 2, id: first!.id });
  });

  it('keeps a message hidden for as long as it is in work', async () => {
    const { live } = await context.open();
    const { received, errors, consumer } = context.consume(live, () => {}, {
      visibilitySeconds: 1,
      extendAfterSeconds: 0.3,
    });
    await context.publisher.publish(outgoing('slow'));
    await eventually(() => expect(received).toHaveLength(1));
    const deadline = received[0]!.receivedAt + 2_500;
    await eventually(() => expect(Date.now()).toBeGreaterThan(deadline));
    expect(received).toHaveLength(1);
    await received[0]!.ack();
    expect(consumer.inFlight).toBe(0);
    expect(errors).toEqual([]);
    expect(await live.depth()).toEqual({ waiting: 0, inFlight: 0, delayed: 0 });
  });

  it('hands back at once or with a delay, and settles once', async () => {
    const { live } = await context.open();
    const { received } = context.consume(live, async (message) => {
      if (message.receiveCount === 1) await message.return();
      else if (message.receiveCount === 2) await message.return(1);
      await message.ack(); // After a return it changes nothing.
    });
    await context.publisher.publish(outgoing('back'));
    await eventually(() => expect(received.map((message) => message.receiveCount)).toEqual([1, 2, 3]));
    expect(received[1]!.receivedAt - received[0]!.receivedAt).toBeLessThan(900);
    expect(received[2]!.receivedAt - received[1]!.receivedAt).toBeGreaterThan(900);
    await eventually(async () => expect(await live.depth()).toEqual({ waiting: 0, inFlight: 0, delayed: 0 }));
  });

  it('moves a message to the dead letters after the allowed receives', async () => {
    const { lanes, live } = await context.open({ maxReceiveCount: 2 });
    const { received } = context.consume(live, (message) => message.return());
    await context.publisher.publish(outgoing('poison'));
    const dead = await lanes.live!.deadLetterQueue.receive({
      maxMessages: 1,
      waitSeconds: 10,
      visibilitySeconds: 30,
    });
    expect(dead.map((message) => message.body)).toEqual(['poison']);
    expect(received).toHaveLength(2);
  });

  it('holds no more messages than allowed', async () => {
    const { live } = await context.open();
    const { received, consumer } = context.consume(live, () => {}, { maxInFlight: 25, maxPollers: 4 });
    await context.publishAll(Array.from({ length: 60 }, (_, i) => `${i}`));
    await eventually(() => expect(consumer.inFlight).toBeGreaterThan(15));
    const seen = new Set<Message>();
    while (seen.size < 60) {
      await eventually(() => expect(received.length).toBeGreaterThan(seen.size));
      expect(consumer.inFlight).toBeLessThanOrEqual(25);
      for (const message of received) if (!seen.has(message)) seen.add(message) && (await message.ack());
    }
    expect(new Set(received.map((message) => message.body)).size).toBe(60);
  });

  it('hands back on stop what nobody has settled, and what its last poll brings', async () => {
    const { live } = await context.open();
    const { received, consumer } = context.consume(live, () => {});
    await context.publisher.publish(outgoing('unsettled'));
    await eventually(() => expect(received).toHaveLength(1));
    const stopped = consumer.stop({ graceMs: 1_500 });
    await context.publisher.publish(outgoing('late'));
    await stopped;
    expect(consumer.stop()).toBe(stopped);
    expect(received.map((message) => message.body)).toEqual(['unsettled']);
    expect(consumer.inFlight).toBe(0);
    const visible: string[] = [];
    await eventually(async () => {
      visible.push(...(await peek(live)).map((message) => message.body));
      expect(visible.sort()).toEqual(['late', 'unsettled']);
    }, 800);
  });

  it('deletes on stop what was acknowledged', async () => {
    const { live } = await context.open();
    const { received, consumer } = context.consume(live, () => {});
    await context.publishAll(Array.from({ length: 30 }, (_, i) => `${i}`));
    await eventually(() => expect(received).toHaveLength(30));
    for (const message of received) void message.ack();
    await consumer.stop();
    expect(await live.depth()).toEqual({ waiting: 0, inFlight: 0, delayed: 0 });
  });

  it('returns the messages of a handler that throws, and goes on', async () => {
    const { live } = await context.open();
    const { received, errors } = context.consume(
      live,
      (message) => {
        if (message.receiveCount === 1) throw new Error('a bug');
        return message.ack();
      },
      { visibilitySeconds: 1, extendAfterSeconds: 0.5 },
    );
    await context.publisher.publish(outgoing('bug'));
    await eventually(() => expect(received.map((message) => message.receiveCount)).toEqual([1, 2]));
    expect(errors.map((error) => error.message)).toEqual(['a bug']);
  });

  it('goes on after an outage, and loses nothing', async () => {
    const { live } = await context.open();
    const { bodies, errors, received } = context.consume(live, () => {}, {
      // The poll that is cut may swallow a message for as long.
      visibilitySeconds: 2,
      extendAfterSeconds: 1,
    });
    await context.publisher.publish(outgoing('before'));
    await eventually(() => expect(received).toHaveLength(1));
    await context.broker.setDown(true);
    const acked = received[0]!.ack();
    const during = context.publisher.publish(outgoing('during'));
    await eventually(() => expect(errors.length).toBeGreaterThan(1));
    await context.broker.setDown(false);
    expect(await during).toMatchObject({ ok: true });
    await acked;
    await eventually(() => expect(bodies()).toContain('during'));
    await received.find((message) => message.body === 'during')!.ack();
    await eventually(async () => expect(await live.depth()).toEqual({ waiting: 0, inFlight: 0, delayed: 0 }));
  });
}
