import type { Actor } from '../domain/actor.ts';
import { canBecomeItsEvent, DEAD_LETTER_ATTRIBUTE, withEventId } from '../domain/dead-letter.ts';
import { publicId } from '../domain/ids.ts';

/** A dead letter, as far as a redrive needs it. */
export interface RedrivableLetter {
  readonly id: string;
  readonly lane: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly partnerId: string | null;
  /** Told apart by it: a letter that has come back in the meantime. */
  readonly lastSeenAt: Date;
  /** It is one of a bulk redrive: when it is due. */
  readonly redriveAt: Date | null;
}

export interface RedriveMessage {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly groupId: string;
}

/** `problem` is the API's word for why the transport did not take it. */
export type RedrivePublished =
  | { readonly ok: true }
  | { readonly ok: false; readonly problem: string; readonly detail: string };

/** `not_found` also for a letter that is redriven already. `already_an_event`: it has a record of its own to act on. */
export type Redriven = RedrivePublished | 'not_found' | 'already_an_event';

/** What redriving needs from outside. Any may throw while its service is away. */
export interface RedrivePorts {
  findWaiting(id: string): Promise<RedrivableLetter | null>;
  /** Takes letters that are due, under a lease: whoever dies with them leaves them to be taken again. */
  claimDue(limit: number): Promise<readonly RedrivableLetter[]>;
  isEvent(id: string): Promise<boolean>;
  /** To the topic: the front door. */
  publish(message: RedriveMessage): Promise<RedrivePublished>;
  /** Puts on record who asks for this one, and takes it under a lease, as `claimDue` does; false when it waits no more. */
  ask(id: string, by: Actor): Promise<boolean>;
  /** Notes that it was published, unless it has come back by now. */
  markRedriven(letter: Pick<RedrivableLetter, 'id' | 'lastSeenAt'>): Promise<void>;
  /** It was not published: it waits for its turn in a bulk redrive, or (null) for a person. */
  putBack(id: string, redriveAt: Date | null): Promise<void>;
  /** Told of each letter of a bulk redrive that goes on waiting. */
  onRefused(id: string, why: string): void;
}

export interface RedriveSettings {
  /** The first also takes letters of lanes that are there no more: SNS would drop them without a word. */
  readonly lanes: readonly string[];
  readonly now?: () => number;
}

/** Letters that one process publishes in a go, which it makes once a second at the most. */
const BATCH = 50;

/** SNS passes raw messages with up to ten attributes; SQS would drop those with more. */
const MAX_ATTRIBUTES = 10;

/**
 * Asked for on record first, be it one letter or all; then published, then noted. A crash before the note publishes it again, when the
 * lease has run out, and the event's id makes one of it.
 */
export function createRedrive(ports: RedrivePorts, { lanes, now = Date.now }: RedriveSettings) {
  const canHaveId = ({ id }: RedrivableLetter) => canBecomeItsEvent(id, new Date(now()));
  const isPast = async (letter: RedrivableLetter) => !canHaveId(letter) && (await ports.isEvent(letter.id));

  async function publish(letter: RedrivableLetter): Promise<RedrivePublished> {
    const published = await ports.publish({
      body: canHaveId(letter) ? withEventId(letter.body, letter.id) : letter.body,
      attributes: attributesOf(letter),
      groupId: letter.partnerId ?? 'dead-letters',
    });
    if (published.ok) await ports.markRedriven(letter);
    return published;
  }

  async function redriveOne(letter: RedrivableLetter, by: Actor): Promise<Redriven> {
    if (await isPast(letter)) return 'already_an_event';
    if (!(await ports.ask(letter.id, by))) return 'not_found';
    const published = await publish(letter);
    if (!published.ok) await ports.putBack(letter.id, letter.redriveAt); // whoever asked is told so
    return published;
  }

  function attributesOf({ id, lane, attributes }: RedrivableLetter): Record<string, string> {
    const all = { ...attributes, lane: lanes.includes(lane) ? lane : (lanes[0] as string) };
    if (Object.keys(all).length >= MAX_ATTRIBUTES) return all; // if it comes back, it is a letter of its own
    return { ...all, [DEAD_LETTER_ATTRIBUTE]: publicId('dl', id) };
  }

  async function redriveClaimed(letter: RedrivableLetter): Promise<void> {
    const outcome = (await isPast(letter)) ? 'already_an_event' : await publish(letter);
    if (outcome !== 'already_an_event' && (outcome.ok || PASSING.has(outcome.problem))) return; // its lease ends, and it is due again
    ports.onRefused(letter.id, outcome === 'already_an_event' ? outcome : outcome.detail);
    await ports.putBack(letter.id, null);
  }

  return {
    /** One letter, now. */
    async one(id: string, by: Actor): Promise<Redriven> {
      const letter = await ports.findWaiting(id);
      return letter ? redriveOne(letter, by) : 'not_found';
    },
    /**
     * Those of a bulk redrive that are due.
     *
     * @returns how many were taken
     */
    async due(): Promise<number> {
      const letters = await ports.claimDue(BATCH);
      const outcomes = await Promise.allSettled(letters.map(redriveClaimed));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed) throw failed.reason;
      return letters.length;
    },
  };
}

/** Problems of the transport that pass by themselves. */
const PASSING = new Set(['unavailable', 'overloaded']);
