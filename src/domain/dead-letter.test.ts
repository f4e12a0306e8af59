import { describe, expect, it } from 'vitest';
import { cameBackAs, canBecomeItsEvent, withEventId, withoutEventId } from './dead-letter.ts';
import { decodeEnvelope } from './event.ts';
import { eventIdOfMessage, publicId } from './ids.ts';

const sentAt = new Date('2026-11-20T12:00:00Z');
const message = { id: 'c9b1f6a2-message', sentAt };
const letterId = eventIdOfMessage(sentAt, message.id);

describe('the body of a redriven letter', () => {
  it.each([
    '{"partnerId":"acme","type":"a.b","data":{"n":12345678901234567890,"e":"🎉"}}',
    ' \n{ "partnerId":"acme", "type":"a.b", "data" : { "id": 1 } }',
  ])('becomes the event it would have been, every other byte the same: %s', (body) => {
    const before = decodeEnvelope(body, message, sentAt);
    const redriven = withEventId(body, letterId);
    expect(decodeEnvelope(redriven, { id: 'another', sentAt: new Date() }, sentAt)).toEqual(before);
    expect(redriven.replace(`"id":"${publicId('evt', letterId)}",`, '')).toBe(body);
    expect(withoutEventId(redriven, letterId)).toBe(body);
  });

  it.each(['not json', '[]', 'null', '{}', '{"id":null,"partnerId":"a"}', '{"\\u0069d":"evt_x"}', '{"partnerId":'])(
    'stays as it is when it is no object without an id: %s',
    (body) => {
      expect(withEventId(body, letterId)).toBe(body);
      expect(withoutEventId(body, letterId)).toBe(body);
    },
  );

  it('says which letter it was', () => {
    expect(cameBackAs({ lane: 'live', deadLetterId: publicId('dl', letterId) })).toBe(letterId);
    expect(cameBackAs({ deadLetterId: publicId('evt', letterId) })).toBeNull();
    expect(cameBackAs({ lane: 'live' })).toBeNull();
  });

  it('can be that event for 13 days', () => {
    expect(canBecomeItsEvent(letterId, new Date(sentAt.getTime() + 13 * 86_400_000))).toBe(true);
    expect(canBecomeItsEvent(letterId, new Date(sentAt.getTime() + 13 * 86_400_000 + 1))).toBe(false);
  });
});
