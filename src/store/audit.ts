import type { Actor } from '../domain/actor.ts';
import { newId, timeOfId } from '../domain/ids.ts';
import { REDACTED } from '../domain/own-header.ts';
import type { Prisma } from '../generated/prisma/client.ts';

/** What can be done, each to a subject of one kind. A new kind of action is added here, and nowhere else. */
export const AUDITED = {
  'partner.created': 'partner',
  'partner.updated': 'partner',
  'partner.deleted': 'partner',
  'subscription.created': 'subscription',
  'subscription.updated': 'subscription',
  'subscription.deleted': 'subscription',
  'subscription.disabled': 'subscription',
  'secret.rotated': 'secret',
  'api_key.created': 'api_key',
  'api_key.revoked': 'api_key',
  'delivery.redelivered': 'delivery',
  'delivery.canceled': 'delivery',
  'subscription.tested': 'subscription',
  'subscription.pending_canceled': 'subscription',
  'recovery.created': 'recovery',
  'recovery.canceled': 'recovery',
  'dead_letter.redriven': 'dead_letter',
  'dead_letters.redriven': 'dead_letters',
  'dead_letter.discarded': 'dead_letter',
} as const;

export type Action = keyof typeof AUDITED;

/** An action, for the record. Secrets, keys and header values must not be in it: see {@link redacted}. */
export interface AuditEntry {
  readonly action: Action;
  /** Whose audit trail shows it; null: the operator's only. */
  readonly partnerId: string | null;
  /** The public id of what was acted upon. */
  readonly subjectId: string;
  readonly before?: object;
  readonly after?: object;
}

/** Puts an action on record, in the transaction that does it. */
export async function writeAudit(tx: Prisma.TransactionClient, by: Actor, entry: AuditEntry): Promise<void> {
  const { action, partnerId, subjectId, before, after } = entry;
  const id = newId();
  await tx.audit.create({
    data: {
      id,
      at: timeOfId(id),
      actor: by.name,
      action,
      partnerId,
      subjectType: AUDITED[action],
      subjectId,
      requestId: by.requestId,
      ...(before ? { before: asJson(before) } : {}),
      ...(after ? { after: asJson(after) } : {}),
    },
  });
}

/**
 * The same for an action of one SQL statement: a CTE (`audited AS (…)`) that writes a row for the one row of `source`, which has
 * the columns `partner_id`, `before` and `after` (jsonb). Its parameters are {@link auditValues}; with the same ones a statement that
 * is repeated, or goes on with the same action, writes no second row.
 *
 * @param first the number of its first parameter
 */
export function auditedFrom(source: string, first: number): string {
  const parameters = AUDIT_TYPES.map((type, at) => `$${first + at}::${type}`);
  return `audited AS (
    INSERT INTO audit (id, at, actor, action, subject_type, subject_id, request_id, partner_id, before, after)
    SELECT ${parameters.join(', ')}, partner_id, before, after FROM ${source}
    ON CONFLICT (id) DO NOTHING
  )`;
}

const AUDIT_TYPES = ['uuid', 'timestamptz', 'text', 'text', 'text', 'text', 'text'];

/** The parameters of {@link auditedFrom}. */
export function auditValues(by: Actor, { action, subjectId }: Pick<AuditEntry, 'action' | 'subjectId'>): unknown[] {
  const id = newId();
  return [id, timeOfId(id), by.name, action, AUDITED[action], subjectId, by.requestId];
}

/** Own headers for the record: no value, whatever the name, because they are encrypted where they are kept; but which one changed. */
export function redacted(headers: Headers, before: Headers = headers): Record<string, string> {
  const mark = (name: string) => (headers[name] === before[name] ? REDACTED : `${REDACTED} (changed)`);
  return Object.fromEntries(Object.keys(headers).map((name) => [name, mark(name)] as const));
}

type Headers = Readonly<Record<string, string>>;

const asJson = (value: object): Prisma.InputJsonObject => JSON.parse(JSON.stringify(value));
