import type { Actor } from '../domain/actor.ts';
import { newId, publicId } from '../domain/ids.ts';
import type { SecretAlgorithm } from '../domain/subscription.ts';
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts';
import { writeAudit } from './audit.ts';
import type { Cipher } from './cipher.ts';
import { lockPartner } from './partners.ts';

/** What a subscription signs with, in plain. */
export interface SecretValue {
  readonly algorithm: SecretAlgorithm;
  /** HMAC-SHA256: the shared secret; Ed25519: the 32-byte seed (a public key may follow it). */
  readonly bytes: Uint8Array;
}

export interface StoredSecret extends SecretValue {
  readonly id: string;
  readonly createdAt: Date;
  /** Signs no longer from then on; null: until it is rotated. */
  readonly expiresAt: Date | null;
}

/** A subscription, named by its owner as well: somebody else's is not found. */
export interface OwnedId {
  readonly partnerId: string;
  readonly id: string;
}

export interface Secrets {
  /** Those that sign now, newest first; null when the partner has no such subscription. */
  list(subscription: OwnedId): Promise<StoredSecret[] | null>;
  /** Adds a secret; those before it sign on for `overlapSeconds` at the most. */
  rotate(
    subscription: OwnedId,
    value: SecretValue,
    overlapSeconds: number,
    by: Actor,
  ): Promise<StoredSecret | RotateProblem>;
}

export type RotateProblem = 'not_found' | 'too_many_secrets';

/** So many may sign at once: every one costs a signature in each attempt. */
export const MAX_ACTIVE_SECRETS = 5;

/** The secrets of subscriptions, encrypted at rest. */
export function createSecrets(prisma: PrismaClient, cipher: Cipher): Secrets {
  return {
    async list({ partnerId, id }) {
      const where = { id, partnerId, deletedAt: null };
      const owner = await prisma.subscription.findFirst({ where, select: { secrets: activeSecrets() } });
      return owner?.secrets.map((row) => toSecret(row, cipher)) ?? null;
    },
    rotate: (subscription, value, overlapSeconds, by) =>
      prisma.$transaction(async (tx) => {
        if (!(await lockPartner(tx, subscription.partnerId))) return 'not_found';
        const { partnerId, id } = subscription;
        const owner = await tx.subscription.findFirst({
          where: { id, partnerId, deletedAt: null },
          select: { secrets: activeSecrets() },
        });
        if (!owner) return 'not_found';
        if (overlapSeconds > 0 && owner.secrets.length >= MAX_ACTIVE_SECRETS) return 'too_many_secrets';
        await expireSecrets(tx, id, overlapSeconds);
        const added = await addSecret(tx, cipher, id, value);
        await writeAudit(tx, by, {
          action: 'secret.rotated',
          partnerId,
          subjectId: publicId('sec', added.id),
          before: { subscriptionId: publicId('sub', id), secrets: owner.secrets.map(withoutValue) },
          after: { subscriptionId: publicId('sub', id), overlapSeconds, algorithm: value.algorithm },
        });
        return added;
      }),
  };
}

const withoutValue = ({ id, algorithm, expiresAt }: Prisma.SecretGetPayload<object>) => ({
  id: publicId('sec', id),
  algorithm: algorithm === 'ed25519' ? algorithm : 'hmac-sha256',
  expiresAt,
});

/** Adds a secret to a subscription, inside the transaction that changes it. */
export async function addSecret(
  tx: Prisma.TransactionClient,
  cipher: Cipher,
  subscriptionId: string,
  { algorithm, bytes }: SecretValue,
): Promise<StoredSecret> {
  const id = newId();
  const ciphertext = cipher.encrypt(bytes, id);
  const data = {
    id,
    subscriptionId,
    algorithm: algorithm === 'ed25519' ? algorithm : 'hmac_sha256',
    ciphertext,
  } as const;
  return toSecret(await tx.secret.create({ data }), cipher);
}

/** Never lengthens a time already set: overlap 0 stops every older secret at once. */
const expireSecrets = (tx: Prisma.TransactionClient, subscriptionId: string, overlapSeconds: number) =>
  tx.$executeRaw`
    UPDATE "secrets" SET "expires_at" = least("expires_at", now() + make_interval(secs => ${overlapSeconds}::float8))
    WHERE "subscription_id" = ${subscriptionId}::uuid AND ("expires_at" IS NULL OR "expires_at" > now())`;

const activeSecrets = () =>
  ({
    where: { OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }] },
    orderBy: { id: 'desc' },
  }) satisfies Prisma.Subscription$secretsArgs;

function toSecret(row: Prisma.SecretGetPayload<object>, cipher: Cipher): StoredSecret {
  const algorithm = row.algorithm === 'ed25519' ? 'ed25519' : 'hmac-sha256';
  const { id, createdAt, expiresAt } = row;
  return { id, algorithm, bytes: cipher.decrypt(row.ciphertext, id), createdAt, expiresAt };
}
