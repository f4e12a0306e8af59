import { describe, expect, it } from 'vitest';
import { newId, timeOfId, uuidFloor } from './ids.ts';
import { coversType, matchSubscriptions } from './subscription.ts';

describe('coversType', () => {
  it.each([
    ['*', 'order.created', true],
    ['order.created', 'order.created', true],
    ['order.*', 'order.created', true],
    ['order.*', 'order.item.added', true],
    ['order.*', 'order', false],
    ['order.*', 'orders.created', false],
    ['order.created', 'order.created.late', false],
  ])('%s covers %s: %s', (pattern, type, expected) => {
    expect(coversType(pattern, type)).toBe(expected);
  });
});

describe('matchSubscriptions', () => {
  const base = {
    partnerId: 'acme',
    url: 'https://x/',
    headers: {},
    timeoutMs: null,
    ordered: false,
    rateLimit: null,
    filter: null,
  };
  const all = { ...base, id: newId(), eventTypes: ['*'], enabled: true };
  const off = { ...base, id: newId(), eventTypes: ['order.*'], enabled: false };
  const other = { ...base, id: newId(), eventTypes: ['invoice.*'], enabled: false };
  const event = { id: newId(), partnerId: 'acme', type: 'order.created', timestamp: '', data: '1' };

  it('tells whom an event is for, and why a concerned subscription was passed by', () => {
    expect(matchSubscriptions(event, [all, off, other])).toEqual({
      wanted: [all],
      skipped: [{ subscriptionId: off.id, reason: 'disabled' }],
      unmatched: null,
    });
  });

  it('knows those that came too late, beyond what clocks may differ by', () => {
    const at = (ms: number) => uuidFloor(new Date(timeOfId(event.id).getTime() + ms));
    const late = { ...base, id: at(60_001), eventTypes: ['*'], enabled: false };
    const skewed = { ...base, id: at(59_000), eventTypes: ['*'], enabled: true };
    const skipped = [{ subscriptionId: late.id, reason: 'created_later' }];
    expect(matchSubscriptions(event, [skewed, late])).toEqual({ wanted: [skewed], skipped, unmatched: null });
    const acceptedAt = new Date(timeOfId(event.id).getTime() + 3_600_000);
    expect(matchSubscriptions(event, [{ ...late, enabled: true }], acceptedAt).skipped).toEqual([]);
  });

  it('parses the data once, and only where a filter of a concerned subscription has to see it', () => {
    const bodies: unknown[] = [];
    const filter = { matches: (body: unknown) => bodies.push(body) > 1, explain: () => null };
    const filtered = { ...base, id: newId(), eventTypes: ['order.*'], enabled: true, filter };
    const { wanted, skipped } = matchSubscriptions(event, [filtered, { ...filtered, id: newId() }]);
    expect([wanted.length, skipped]).toEqual([1, [{ subscriptionId: filtered.id, reason: 'filtered' }]]);
    expect(bodies[0]).toEqual({ type: 'order.created', timestamp: '', data: 1 });
    expect(bodies[0]).toBe(bodies[1]);
    const broken = { ...event, data: 'is never looked at' };
    expect(matchSubscriptions(broken, [all, { ...filtered, eventTypes: ['x'] }]).wanted).toEqual([all]);
    expect(matchSubscriptions(broken, [{ ...filtered, enabled: false }]).skipped).toHaveLength(1);
  });

  it('says why an event concerned nobody', () => {
    expect(matchSubscriptions(event, []).unmatched).toBe('no_subscriptions');
    expect(matchSubscriptions(event, [other]).unmatched).toBe('none_for_its_type');
  });
});
