import { describe, expect, it } from 'vitest';
import { BatcherFullError, type BatcherOptions, createBatcher } from './batcher.ts';

/** A batcher whose flushes end when the test says so. */
function held(options: Partial<BatcherOptions<number, number>> = {}) {
  const flights: { items: number[]; end: () => void; fail: (error: Error) => void }[] = [];
  const batcher = createBatcher<number, number>({
    flush: (items) =>
      new Promise((resolve, reject) =>
        flights.push({ items, end: () => resolve(items.map((item) => item * 2)), fail: reject }),
      ),
    maxItems: 3,
    ...options,
  });
  return { batcher, flights, batches: () => flights.map((flight) => flight.items) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('batcher', () => {
  it('gathers the adds of one turn, and waits no longer', async () => {
    const { batcher, batches, flights } = held();
    const first = batcher.add(1);
    const second = Promise.resolve().then(() => batcher.add(2));
    expect(batches()).toEqual([]);
    await turn();
    expect(batches()).toEqual([[1, 2]]);
    flights[0]!.end();
    expect(await Promise.all([first, second])).toEqual([2, 4]);
    expect(batcher.size).toBe(0);
  });

  it('gathers while a flush is under way, and sends what gathered when it ends', async () => {
    const { batcher, batches, flights } = held();
    void batcher.add(1);
    await turn();
    void batcher.add(2);
    void batcher.add(3);
    await turn();
    expect(batches()).toEqual([[1]]);
    flights[0]!.end();
    await turn();
    expect(batches()).toEqual([[1], [2, 3]]);
  });

  it('sends full batches in parallel, up to the limit', async () => {
    const { batcher, batches, flights } = held();
    const all = Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((item) => batcher.add(item)));
    expect(batches()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    flights[1]!.end();
    await turn();
    expect(batches()).toHaveLength(3);
    for (let i = 0; i < 4; i++) {
      flights[i]!.end();
      await turn();
    }
    expect(await all).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
  });

  it('keeps to the bytes, and lets a giant travel alone', async () => {
    const { batcher, batches, flights } = held({ maxItems: 10, maxBytes: 10, sizeOf: (item) => item, parallel: 1 });
    const all = Promise.all([4, 5, 3, 99, 1].map((item) => batcher.add(item)));
    for (let i = 0; i < 4; i++) {
      await turn();
      flights[i]?.end();
    }
    await all;
    expect(batches()).toEqual([[4, 5], [3], [99], [1]]);
  });

  it('rejects the items of a failed flush, and only those', async () => {
    const { batcher, flights } = held();
    const failed = Promise.allSettled([batcher.add(1), batcher.add(2)]);
    await turn();
    const good = batcher.add(3);
    flights[0]!.fail(new Error('away'));
    expect((await failed).map((one) => one.status)).toEqual(['rejected', 'rejected']);
    await turn();
    flights[1]!.end();
    expect(await good).toBe(6);
  });

  it('rejects when a flush does not answer every item', async () => {
    const batcher = createBatcher<number, number>({ flush: async () => [], maxItems: 3 });
    await expect(batcher.add(1)).rejects.toThrow('answered 0 of 1');
  });

  it('is full at maxPending, and idle when all is answered', async () => {
    const { batcher, flights } = held({ maxPending: 2 });
    const two = Promise.all([batcher.add(1), batcher.add(2)]);
    await expect(batcher.add(3)).rejects.toThrow(BatcherFullError);
    await turn();
    let idle = false;
    const waiting = batcher.idle().then(() => {
      idle = true;
    });
    await turn();
    expect(idle).toBe(false);
    flights[0]!.end();
    await Promise.all([two, waiting, batcher.idle()]);
    expect(batcher.size).toBe(0);
  });

  it('keeps order and loses nothing over thousands of items', async () => {
    const seen: number[] = [];
    const batcher = createBatcher<number, number>({
      flush: async (items) => {
        await turn();
        seen.push(...items);
        return items;
      },
      maxItems: 7,
      parallel: 1,
    });
    const items = Array.from({ length: 5_000 }, (_, i) => i);
    expect(await Promise.all(items.map((item) => batcher.add(item)))).toEqual(items);
    expect(seen).toEqual(items);
  });
});
