import { describe, expect, it, vi } from 'vitest';
import { backoffMs, createPolling } from './polling.ts';
import type { ReceivedMessage } from './transport.ts';

/** A poll loop whose polls end when the test says so. */
function held(room = 1_000) {
  const calls: { bring: (count: number) => Promise<void>; fail: () => Promise<void> }[] = [];
  const errors: unknown[] = [];
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  let taken = 0;
  const polling = createPolling({
    receive: () =>
      new Promise((resolve, reject) => {
        calls.push({
          bring: (count) => {
            resolve(Array.from({ length: count }, () => ({}) as ReceivedMessage));
            return turn();
          },
          fail: () => {
            reject(new Error('away'));
            return turn();
          },
        });
      }),
    onBatch: (messages) => {
      taken += messages.length;
    },
    onError: (error) => errors.push(error),
    room: () => room - taken,
    batchSize: 10,
    minPolls: 1,
    maxPolls: 3,
  });
  const free = (count: number) => {
    taken -= count;
    polling.pump();
  };
  return { polling, calls, errors, free, next: () => calls.shift()! };
}

describe('polling', () => {
  it('polls more while full batches come, and less when they do not', async () => {
    const { polling, next } = held();
    polling.start();
    polling.start();
    expect(polling.polls).toBe(1);
    await next().bring(10);
    expect(polling.polls).toBe(2);
    await next().bring(10);
    expect(polling.polls).toBe(3);
    await next().bring(10);
    expect(polling.polls).toBe(3);
    await next().bring(3);
    expect(polling.polls).toBe(2);
    await next().bring(0);
    await next().bring(0);
    expect(polling.polls).toBe(1);
  });

  it('polls only where there is room for what a poll may bring', async () => {
    const { polling, next, free } = held(25);
    polling.start();
    await next().bring(10);
    expect(polling.polls).toBe(1); // 10 taken and 10 expected; 5 are not enough for a second poll.
    await next().bring(10);
    expect(polling.polls).toBe(0);
    free(4);
    expect(polling.polls).toBe(0);
    free(1);
    expect(polling.polls).toBe(1);
  });

  it('pauses after an error and goes on', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { polling, next, errors } = held();
      polling.start();
      await next().fail();
      expect(errors).toHaveLength(1);
      expect(polling.polls).toBe(0);
    } finally {
      vi.useRealTimers();
    }
    expect([1, 2, 3, 7, 500].map((failures) => backoffMs(failures, () => 1))).toEqual([100, 200, 400, 5_000, 5_000]);
    expect(backoffMs(1, () => 0)).toBe(50);
  });

  it('ends with the last poll, without waiting for a pause', async () => {
    const { polling, next } = held();
    polling.start();
    await next().bring(10);
    await next().fail();
    const stopped = polling.stop();
    await next().bring(2);
    await stopped;
    expect(polling.polls).toBe(0);
    polling.start();
    expect(polling.polls).toBe(0);
  });
});
