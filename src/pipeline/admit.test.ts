import { describe, expect, it } from 'vitest';
import { admit } from './admit.ts';
import { createSlots } from './slots.ts';

const plain = { id: 's', ordered: false, rateLimit: null };

/** One subscription, with one slot. */
function createWorld(isOpen = false) {
  const slots = createSlots({ total: 4, perSubscription: 1, patienceMs: 1 });
  return { slots, health: { isOpen: () => isOpen } };
}

describe('a new delivery', () => {
  it('takes a slot where nothing speaks against its attempt', () => {
    const world = createWorld();
    expect(admit(world, plain)).toBeNull();
    expect(world.slots.inUse).toBe(1);
  });

  it('is parked at the cap, when no slot came free in time', async () => {
    const world = createWorld();
    await admit(world, plain);
    expect(await admit(world, plain)).toBe('cap');
  });

  it.each([
    ['ordered', { ordered: true, rateLimit: 5 }, true],
    ['breaker', { ordered: false, rateLimit: 5 }, true],
    ['rate', { ordered: false, rateLimit: 5 }, false],
  ] as const)('is parked with the first reason that holds (%s), and takes no slot', (reason, settings, isOpen) => {
    const world = createWorld(isOpen);
    expect(admit(world, { ...plain, ...settings })).toBe(reason);
    expect(world.slots.inUse).toBe(0);
  });
});
