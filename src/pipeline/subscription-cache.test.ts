import { expect, it } from 'vitest';
import { createSubscriptionCache, type PartnerSubscriptions } from './subscription-cache.ts';

const ACME: PartnerSubscriptions = { version: 1n, subscriptions: [] };

it('a look-up that began before the partner was made does not hide it from one that began after', async () => {
  const first = Promise.withResolvers<PartnerSubscriptions | null>();
  const answers = [first.promise, Promise.resolve(ACME)];
  let loads = 0;
  const cache = createSubscriptionCache({ load: async () => answers[loads++] as Promise<PartnerSubscriptions> });
  const before = cache.get('acme');
  const after = [cache.get('acme'), cache.get('acme')];
  first.resolve(null);
  expect(await before).toBeNull();
  expect(await Promise.all(after)).toEqual([ACME, ACME]);
  expect(loads).toBe(2); // those that waited share the second one
});

it('asks once for a partner that is there, however many ask', async () => {
  let loads = 0;
  const cache = createSubscriptionCache({
    load: async () => {
      loads++;
      return ACME;
    },
  });
  expect(await Promise.all([cache.get('acme'), cache.get('acme'), cache.get('acme')])).toEqual([ACME, ACME, ACME]);
  expect(loads).toBe(1);
});
