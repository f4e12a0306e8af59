import { expect, test } from 'vitest';
import { createRemembered } from './remembered.ts';

/** A source that can be away or slow, and counts how often it is asked. */
function source(values: Record<string, object>) {
  const state = { asked: 0, time: 0, away: false, gate: null as Promise<void> | null };
  const remembered = createRemembered<string, object>({
    async load(key) {
      state.asked++;
      const value = values[key] ?? null;
      await state.gate;
      if (state.away) throw new Error('away');
      return value;
    },
    freshMs: 30_000,
    now: () => state.time,
  });
  return { state, remembered, values };
}

test('a fresh value is given without asking, a stale one after asking', async () => {
  const { state, remembered, values } = source({ a: { v: 1 } });
  expect(await remembered.get('a')).toEqual({ v: 1 });
  values.a = { v: 2 };
  state.time = 29_999;
  expect(remembered.get('a')).toEqual({ v: 1 });
  state.time = 30_000;
  expect(await remembered.get('a')).toEqual({ v: 2 });
  expect(state.asked).toBe(2);
});

test('while the source is away, what is known serves, and the source is asked once a second', async () => {
  const { state, remembered } = source({ a: { v: 1 } });
  await remembered.get('a');
  state.away = true;
  state.time = 60_000;
  expect(await remembered.get('a')).toEqual({ v: 1 });
  expect(remembered.get('a')).toEqual({ v: 1 });
  expect(state.asked).toBe(2);
  state.time = 61_000;
  expect(await remembered.get('a')).toEqual({ v: 1 });
  expect(state.asked).toBe(3);
  await expect(remembered.get('b')).rejects.toThrow('away');
});

test('what does not exist is asked for each time; what ceased to exist is forgotten', async () => {
  const { state, remembered, values } = source({});
  expect(await remembered.get('a')).toBe(null);
  values.a = { v: 1 };
  expect(await remembered.get('a')).toEqual({ v: 1 });
  delete values.a;
  state.time = 30_000;
  expect(await remembered.get('a')).toBe(null);
  state.away = true;
  await expect(remembered.get('a')).rejects.toThrow('away');
});

test('a hundred askers make one look-up', async () => {
  const { state, remembered } = source({ a: { v: 1 } });
  await Promise.all(Array.from({ length: 100 }, () => remembered.get('a')));
  expect(state.asked).toBe(1);
});

test('drop: an answer that was under way is not kept', async () => {
  const { state, remembered, values } = source({ a: { v: 1 } });
  let open = () => {};
  state.gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const early = remembered.get('a');
  values.a = { v: 2 };
  remembered.drop('a');
  const late = remembered.get('a');
  open();
  await early;
  expect(await late).toEqual({ v: 2 });
  expect(remembered.get('a')).toEqual({ v: 2 });
});

test('clear: everything is looked up again, and still serves while the source is away', async () => {
  const { state, remembered, values } = source({ a: { v: 1 } });
  await remembered.get('a');
  values.a = { v: 2 };
  remembered.clear();
  state.away = true;
  expect(await remembered.get('a')).toEqual({ v: 1 });
  state.away = false;
  remembered.clear();
  expect(await remembered.get('a')).toEqual({ v: 2 });
});

test('a value that ages is looked up in the background, once, while it serves', async () => {
  const state = { asked: 0, time: 0, value: { v: 1 } };
  const remembered = createRemembered<string, object>({
    load: async () => {
      state.asked++;
      return state.value;
    },
    freshMs: 1_000,
    refreshAfterMs: 500,
    now: () => state.time,
  });
  await remembered.get('a');
  state.value = { v: 2 };
  state.time = 499;
  expect(remembered.get('a')).toEqual({ v: 1 });
  expect(state.asked).toBe(1);
  state.time = 500;
  expect([remembered.get('a'), remembered.get('a')]).toEqual([{ v: 1 }, { v: 1 }]);
  expect(state.asked).toBe(2);
  await new Promise(setImmediate);
  expect(remembered.get('a')).toEqual({ v: 2 });
  state.time = 1_499;
  remembered.get('a');
  remembered.drop('a'); // what the look-up finds is no longer wanted
  await new Promise(setImmediate);
  state.time = 1_500;
  expect(await remembered.get('a')).toEqual({ v: 2 });
  expect(state.asked).toBe(4);
});
