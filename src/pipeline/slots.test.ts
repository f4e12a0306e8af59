import { describe, expect, it } from 'vitest';
import { createSlots } from './slots.ts';

describe('slots', () => {
  it('admits a waiter as soon as one leaves', async () => {
    const slots = createSlots({ total: 100, perSubscription: 1, patienceMs: 60_000 });
    expect(slots.enter('a')).toBe(true);
    const waiting = slots.enter('a');
    slots.leave('a', 5);
    expect(await waiting).toBe(true);
    expect(slots.inUse).toBe(1);
    slots.leave('a', 5);
    expect(slots.inUse).toBe(0);
  });

  it('says no after a wait in vain, and at once from then on, until one leaves', async () => {
    const slots = createSlots({ total: 100, perSubscription: 1, patienceMs: 20 });
    slots.enter('a');
    expect(await slots.enter('a')).toBe(false);
    expect(slots.enter('a')).toBe(false);
    slots.leave('a', 5);
    expect(slots.enter('a')).toBe(true);
  });

  it('has many wait for a fast receiver, and nobody for a slow one', async () => {
    const slots = createSlots({ total: 100, perSubscription: 2, patienceMs: 100 });
    for (let i = 0; i < 2; i++) slots.enter('fast');
    slots.leave('fast', 4);
    slots.enter('fast');
    const waiting = Array.from({ length: 30 }, () => slots.enter('fast'));
    expect(waiting.every((each) => each instanceof Promise)).toBe(true);
    for (let i = 0; i < 2; i++) slots.enter('slow');
    slots.leave('slow', 10_000);
    slots.enter('slow');
    expect(slots.enter('slow')).toBe(false);
    for (let i = 0; i < 32; i++) slots.leave('fast', 4);
    expect(await Promise.all(waiting)).not.toContain(false);
  });

  it('leaves room for others while a dozen receivers hang', () => {
    const slots = createSlots({ total: 400, perSubscription: 48, patienceMs: 60_000 });
    for (let hanging = 0; hanging < 12; hanging++) {
      for (let more = true; more; ) more = slots.enter(`hanging-${hanging}`) === true;
    }
    expect(slots.inUse).toBeLessThan(380);
    const { perSubscription, busy, total } = slots.free();
    expect(total).toBeGreaterThan(20);
    expect(perSubscription).toBeGreaterThanOrEqual(5);
    expect(busy.size).toBe(12);
  });
});
