import type { ServerDeps } from '../http/deps.ts';
import { createApiKeys } from '../store/api-keys.ts';
import { createAuditReads } from '../store/audit-reads.ts';
import { cancelPending } from '../store/cancel-pending.ts';
import type { Cipher } from '../store/cipher.ts';
import { createDeadLetterReads } from '../store/dead-letters.ts';
import { createDeliveryReads } from '../store/deliveries.ts';
import { createEventReads } from '../store/events.ts';
import { createFeed } from '../store/feed.ts';
import { createPartners } from '../store/partners.ts';
import type { createPool } from '../store/pool.ts';
import type { createPrisma } from '../store/prisma.ts';
import { createRecoveries } from '../store/recoveries.ts';
import { cancelDelivery, redeliver } from '../store/redeliver.ts';
import { discardDeadLetter } from '../store/redrive.ts';
import { createSecrets } from '../store/secrets.ts';
import { sendTest } from '../store/send-test.ts';
import { createStatsReads } from '../store/stats.ts';
import { createSubscriptions } from '../store/subscriptions.ts';

export interface StoreAccess {
  readonly pool: ReturnType<typeof createPool>;
  readonly prisma: ReturnType<typeof createPrisma>;
  readonly cipher: Cipher;
}

/** Everything that the server has from the store as it is. */
export const storeFunctions = ({ pool, prisma, cipher }: StoreAccess) =>
  ({
    redeliver: (id, by) => redeliver(pool, id, by),
    cancel: (id, by) => cancelDelivery(pool, id, by),
    sendTest: (subscription, by) => sendTest(pool, subscription, by),
    cancelPending: (id, by) => cancelPending(pool, id, by),
    discardDeadLetter: (id, by) => discardDeadLetter(pool, id, by),
    partners: createPartners(prisma),
    subscriptions: createSubscriptions(prisma, cipher),
    secrets: createSecrets(prisma, cipher),
    apiKeys: createApiKeys(prisma),
    events: createEventReads(pool),
    deliveries: createDeliveryReads(pool),
    recoveries: createRecoveries(pool),
    feed: createFeed(pool),
    stats: createStatsReads(pool),
    deadLetters: createDeadLetterReads(prisma),
    audit: createAuditReads(prisma, pool),
  }) satisfies Partial<ServerDeps>;
