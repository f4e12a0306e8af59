import { parsePublicId, publicId, timeOfId } from './ids.ts';

/** `waiting` for a person to decide; `redriven`: published again, and not come back so far. */
export type DeadLetterState = 'waiting' | 'redriven';

/**
 * Why a message is a dead letter. `id_reused`: its id is that of another partner's event; `receive_limit`: its queue gave it up after
 * so many receives that nobody finished.
 */
export const DEAD_LETTER_REASONS = ['malformed', 'unknown_partner', 'id_reused', 'receive_limit'] as const;
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number];

/** Carries the dead letter's id through a redrive, so that what comes back is the same letter and not a second one. */
export const DEAD_LETTER_ATTRIBUTE = 'deadLetterId';

/** The letter that a message says it is the redrive of; null when it says nothing like that. */
export const cameBackAs = (attributes: Readonly<Record<string, string>>): string | null =>
  parsePublicId('dl', attributes[DEAD_LETTER_ATTRIBUTE] ?? '');

const DAY_MS = 86_400_000;

/** Ids of events are taken for 14 days (domain/event.ts); a day is left for the way through the queue. */
const ID_TAKEN_FOR_MS = 13 * DAY_MS;

/** True while an event id made from this letter's id would be taken by dispatch. */
export const canBecomeItsEvent = (letterId: string, now: Date): boolean =>
  now.getTime() - timeOfId(letterId).getTime() <= ID_TAKEN_FOR_MS;

/**
 * The body to publish again. A message without an `id` becomes the event that its letter's id names (both come from the
 * transport's message id, see `eventIdOfMessage`): a redriven message has another message id, and would be another event.
 * Every other byte stays.
 */
export function withEventId(body: string, letterId: string): string {
  const object = parseObject(body);
  if (!object || 'id' in object || Object.keys(object).length === 0) return body;
  const at = body.indexOf('{') + 1;
  return body.slice(0, at) + idMember(letterId) + body.slice(at);
}

/** Undoes {@link withEventId}. */
export function withoutEventId(body: string, letterId: string): string {
  const at = body.indexOf('{') + 1;
  const member = idMember(letterId);
  return body.startsWith(member, at) ? body.slice(0, at) + body.slice(at + member.length) : body;
}

const idMember = (letterId: string): string => `"id":"${publicId('evt', letterId)}",`;

function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
