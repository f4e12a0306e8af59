import { publicId } from '../domain/ids.ts';
import type { ServerDeps } from '../http/deps.ts';
import { createRedrive, type RedriveMessage, type RedrivePublished } from '../pipeline/redrive.ts';
import { createRedriver } from '../pipeline/redriver.ts';
import type { Publisher } from '../pubsub/index.ts';
import {
  askForRedrive,
  claimRedrives,
  findWaitingLetter,
  isEventOnRecord,
  markRedriven,
  putBackLetter,
  scheduleRedrives,
} from '../store/redrive.ts';
import type { ApiContext } from './context.ts';
import { PROBLEMS } from './publisher.ts';
import type { StoreAccess } from './store-functions.ts';

type Redrives = Pick<ServerDeps, 'redriveDeadLetter' | 'redriveDeadLetters'>;

/** Publishes dead letters again: one at once, many in the background. */
export async function startRedriver(api: ApiContext, { pool }: StoreAccess, publisher: Publisher): Promise<Redrives> {
  const { lanes, log } = api;
  const redrive = createRedrive(
    {
      findWaiting: (id) => findWaitingLetter(pool, id),
      claimDue: (limit) => claimRedrives(pool, limit),
      isEvent: (id) => isEventOnRecord(pool, id),
      publish: (message) => publish(publisher, message),
      ask: (id, by) => askForRedrive(pool, id, by),
      markRedriven: (letter) => markRedriven(pool, letter),
      putBack: (id, redriveAt) => putBackLetter(pool, id, redriveAt),
      onRefused: (id, why) => log.warn({ deadLetterId: publicId('dl', id), why }, 'redrive.refused'),
    },
    { lanes },
  );
  const redriver = createRedriver({
    due: redrive.due,
    onError: (error) => log.warn({ err: error }, 'redrive.failed'),
  });
  await api.lifecycle.start({ name: 'redriver', ...redriver });
  return {
    redriveDeadLetter: redrive.one,
    redriveDeadLetters: async (selection, by) => {
      const count = await scheduleRedrives(pool, selection, by);
      redriver.wake();
      return count;
    },
  };
}

/** A dead letter is published as it came. */
async function publish(publisher: Publisher, message: RedriveMessage): Promise<RedrivePublished> {
  const published = await publisher.publish(message);
  if (published.ok) return published;
  return { ok: false, problem: PROBLEMS[published.reason] ?? published.reason, detail: published.detail };
}
