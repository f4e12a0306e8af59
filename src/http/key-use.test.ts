import { expect, test } from 'vitest';
import { createKeyUse } from './key-use.ts';

function setUp() {
  const state = { time: 120_500, away: false, written: [] as [string, number][][], errors: 0 };
  const use = createKeyUse({
    write: async (uses) => {
      if (state.away) throw new Error('away');
      state.written.push([...uses].map(([id, minute]) => [id, minute.getTime()]));
    },
    now: () => state.time,
    onError: () => state.errors++,
  });
  return { state, use };
}

test('however often a key is used, it is written once a minute, all keys together', async () => {
  const { state, use } = setUp();
  for (let n = 0; n < 100; n++) for (const id of ['a', 'b']) use.note(id);
  await use.stop();
  use.note('a');
  await use.stop();
  state.time = 180_000;
  use.note('a');
  await use.stop();
  const first = [
    ['a', 120_000],
    ['b', 120_000],
  ];
  expect(state.written).toEqual([first, [['a', 180_000]]]);
});

test('what could not be written is written later, with its own minute', async () => {
  const { state, use } = setUp();
  state.away = true;
  use.note('a');
  use.note('b');
  await use.stop();
  state.away = false;
  state.time = 180_000;
  use.note('b');
  await use.stop();
  expect(state.errors).toBe(1);
  expect(state.written).toEqual([
    [
      ['a', 120_000],
      ['b', 180_000],
    ],
  ]);
});
