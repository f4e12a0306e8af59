import fc from 'fast-check';
import { TypeID } from 'typeid-js';
import { describe, expect, it } from 'vitest';
import {
  createGrowingIds,
  deliveryId,
  deliveryIdRange,
  eventIdOfMessage,
  newId,
  parsePublicId,
  publicId,
  timeOfId,
  uuidFloor,
} from './ids.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('ids', () => {
  it('are TypeIDs outside, as the library writes them', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(publicId('evt', uuid)).toBe(TypeID.fromUUID('evt', uuid).toString());
        expect(parsePublicId('evt', publicId('evt', uuid))).toBe(TypeID.fromString(publicId('evt', uuid)).toUUID());
      }),
    );
  });

  it('grow with every call, within a millisecond and when the clock goes back', () => {
    const times = [5, 5, 5, 4, 6, 6, 3];
    const make = createGrowingIds(() => eventIdOfMessage(new Date(times.shift() ?? 6), String(Math.random())));
    const ids = Array.from({ length: 10_000 }, make);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(UUID);
  });

  it('come back from their public form, and from no other', () => {
    const id = newId();
    expect(parsePublicId('evt', publicId('evt', id))).toBe(id);
    expect(parsePublicId('sub', publicId('evt', id))).toBeNull();
    for (const text of ['', 'evt_', 'evt_8zzzzzzzzzzzzzzzzzzzzzzzzz', 'evt_zz', id, 'evt_\0']) {
      expect(parsePublicId('evt', text)).toBeNull();
    }
  });

  it('of a delivery is the same each time, within its event’s range, and another for another subscription', () => {
    const [event, one, two] = [newId(), newId(), newId()];
    expect(deliveryId(event, one)).toBe(deliveryId(event, one));
    expect(deliveryId(event, one)).not.toBe(deliveryId(event, two));
    const { from, to } = deliveryIdRange(event);
    expect(deliveryId(event, one)).toMatch(UUID);
    expect(deliveryId(event, one) >= from && deliveryId(event, one) <= to).toBe(true);
    expect(timeOfId(deliveryId(event, one))).toEqual(timeOfId(event));
  });

  it('of a message carries its time and is the same each time it is received', () => {
    const sentAt = new Date('2026-03-01T12:00:00.123Z');
    const id = eventIdOfMessage(sentAt, 'a-message');
    expect(id).toMatch(UUID);
    expect(id).toBe(eventIdOfMessage(sentAt, 'a-message'));
    expect(id).not.toBe(eventIdOfMessage(sentAt, 'another'));
    expect(timeOfId(id)).toEqual(sentAt);
  });

  it('sort by time around the floor of a time', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true }), (time) => {
        expect(timeOfId(uuidFloor(time))).toEqual(time);
        expect(eventIdOfMessage(time, 'x') > uuidFloor(time)).toBe(true);
        expect(eventIdOfMessage(time, 'x') < uuidFloor(new Date(time.getTime() + 1))).toBe(true);
      }),
    );
  });
});
