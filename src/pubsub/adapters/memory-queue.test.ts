import { describe, expect, it } from 'vitest';
import { MemoryQueue, type MemoryQueueOptions } from './memory-queue.ts';

function clocked(options: MemoryQueueOptions = {}) {
  const clock = { now: 1_000_000 };
  const queue = new MemoryQueue({ now: () => clock.now, ...options });
  const receive = (visibilitySeconds = 30) => queue.receive({ maxMessages: 10, waitSeconds: 0, visibilitySeconds });
  return { clock, queue, receive };
}
const message = { body: '{}', groupId: 'acme', attributes: {} };

describe('memory queue', () => {
  it('brings a message back when its visibility ends, under a new receipt', async () => {
    const { clock, queue, receive } = clocked();
    queue.send(message);
    const [first] = await receive(30);
    clock.now += 29_999;
    expect(await receive()).toEqual([]);
    clock.now += 1;
    const [second] = await receive();
    expect(second).toMatchObject({ id: first!.id, receiveCount: 2 });
    expect(queue.delete(first!.receipt)).toMatchObject({ ok: false, kind: 'gone' });
    expect(queue.delete(second!.receipt)).toEqual({ ok: true });
    expect(queue.depth()).toEqual({ waiting: 0, inFlight: 0, delayed: 0 });
  });

  it('extends from now, and hands back at 0', async () => {
    const { clock, queue, receive } = clocked();
    queue.send(message);
    const [first] = await receive(30);
    clock.now += 20_000;
    expect(queue.changeVisibility({ receipt: first!.receipt, seconds: 30 })).toEqual({ ok: true });
    clock.now += 29_000;
    expect(await receive()).toEqual([]);
    expect(queue.changeVisibility({ receipt: first!.receipt, seconds: 0 })).toEqual({ ok: true });
    expect(await receive()).toHaveLength(1);
    expect(queue.changeVisibility({ receipt: first!.receipt, seconds: 30 })).toMatchObject({ kind: 'gone' });
  });

  it('delays what is sent', async () => {
    const { clock, queue, receive } = clocked({ delaySeconds: 5 });
    queue.send(message);
    expect(await receive()).toEqual([]);
    clock.now += 5_000;
    expect(await receive()).toMatchObject([{ receiveCount: 1 }]);
  });

  it('wakes one long poll per message, and none for an abort', async () => {
    const { queue } = clocked();
    const poll = (signal?: AbortSignal) =>
      queue.receive({ maxMessages: 10, waitSeconds: 20, visibilitySeconds: 30, ...(signal && { signal }) });
    const aborting = new AbortController();
    const aborted = poll(aborting.signal);
    const woken = poll();
    aborting.abort();
    expect(await aborted).toEqual([]);
    queue.send(message);
    expect(await woken).toHaveLength(1);
    const closed = poll();
    queue.close();
    expect(await closed).toEqual([]);
  });
});
