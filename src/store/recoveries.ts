import type pg from 'pg';
import type { Actor } from '../domain/actor.ts';
import { newId, publicId, uuidFloor } from '../domain/ids.ts';
import { firstSource, type MissedState, type RecoveryState } from '../domain/recovery.ts';
import { auditedFrom, auditValues } from './audit.ts';
import { type Page, type PageRequest, toPage } from './cursor.ts';
import type { OwnedId } from './secrets.ts';

export interface StoredRecovery {
  readonly id: string;
  readonly partnerId: string;
  readonly subscriptionId: string;
  readonly since: Date;
  readonly until: Date;
  readonly states: readonly MissedState[];
  readonly state: RecoveryState;
  /** Rows to scan; null until a worker has counted them. */
  readonly total: number | null;
  readonly scanned: number;
  readonly redelivered: number;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

/** What is asked of a recovery: events accepted from `since` on and before `until`. */
export interface RecoveryRequest {
  readonly since: Date;
  readonly until: Date;
  readonly states: readonly MissedState[];
}

export type RecoveryProblem = 'not_found' | 'subscription_disabled' | 'recovery_running';

export interface Recoveries {
  /** Begins one; the workers find it. */
  create(subscription: OwnedId, request: RecoveryRequest, by: Actor): Promise<StoredRecovery | RecoveryProblem>;
  find(subscription: OwnedId, id: string): Promise<StoredRecovery | null>;
  list(subscription: OwnedId, page: PageRequest): Promise<Page<StoredRecovery>>;
  /** Ends one that is running; what it has made pending stays so. */
  cancel(subscription: OwnedId, id: string, by: Actor): Promise<'canceled' | 'not_running' | 'not_found'>;
}

const COLUMNS = `id, partner_id AS "partnerId", subscription_id AS "subscriptionId", since, until, states, state,
  total::float8, scanned::float8, redelivered::float8, created_at AS "createdAt", finished_at AS "finishedAt"`;

/** Recoveries as partners and operators see them; the workers take their steps. */
export function createRecoveries(pool: pg.Pool): Recoveries {
  return {
    create: (...asked) => create(pool, ...asked),
    async find({ partnerId, id: subscriptionId }, id) {
      const text = `SELECT ${COLUMNS} FROM recoveries WHERE id = $1 AND subscription_id = $2 AND partner_id = $3`;
      return (await pool.query<StoredRecovery>(text, [id, subscriptionId, partnerId])).rows[0] ?? null;
    },
    async list({ partnerId, id }, { limit, before = LAST_ID }) {
      const text = `SELECT ${COLUMNS} FROM recoveries WHERE subscription_id = $1 AND partner_id = $2 AND id < $3
        ORDER BY id DESC LIMIT ${limit + 1}`;
      const { rows } = await pool.query<StoredRecovery>(text, [id, partnerId, before]);
      return toPage('recoveries', rows, limit, (row) => row.id);
    },
    cancel: (...asked) => cancel(pool, ...asked),
  };
}

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

async function create(pool: pg.Pool, { partnerId, id: subscriptionId }: OwnedId, request: RecoveryRequest, by: Actor) {
  const id = newId();
  const { since, until, states } = request;
  const { rows } = await pool.query<StoredRecovery & { enabled: boolean }>(
    `WITH found AS (
       SELECT id, enabled FROM subscriptions WHERE id = $2 AND partner_id = $3 AND deleted_at IS NULL
     ), made AS (
       INSERT INTO recoveries (id, subscription_id, partner_id, since, until, states, source, position)
       SELECT $1, id, $3, $4, $5, $6, $7, $8 FROM found WHERE enabled
       ON CONFLICT (subscription_id) WHERE state = 'running' DO NOTHING
       RETURNING *
     ), acted AS (
       SELECT partner_id, NULL::jsonb AS before,
         jsonb_build_object('subscriptionId', $9::text, 'since', since, 'until', until, 'states', states) AS after FROM made
     ), ${auditedFrom('acted', 10)}
     SELECT f.enabled, m.* FROM found f LEFT JOIN (SELECT ${COLUMNS} FROM made) m ON true`,
    [
      ...[id, subscriptionId, partnerId, since, until, states, firstSource(states), uuidFloor(since)],
      publicId('sub', subscriptionId),
      ...auditValues(by, { action: 'recovery.created', subjectId: publicId('rcv', id) }),
    ],
  );
  const [row] = rows;
  if (!row) return 'not_found';
  if (!row.enabled) return 'subscription_disabled';
  return row.id ? row : 'recovery_running';
}

async function cancel(pool: pg.Pool, { partnerId, id: subscriptionId }: OwnedId, id: string, by: Actor) {
  const { rows } = await pool.query<{ changed: boolean; state: RecoveryState }>(
    `WITH changed AS (
       UPDATE recoveries SET state = 'canceled', finished_at = now()
       WHERE id = $1 AND subscription_id = $2 AND partner_id = $3 AND state = 'running'
       RETURNING partner_id, '{"state":"running"}'::jsonb AS before,
         jsonb_build_object('state', state, 'redelivered', redelivered) AS after
     ), ${auditedFrom('changed', 4)}
     SELECT EXISTS (SELECT FROM changed) AS changed, state FROM recoveries
     WHERE id = $1 AND subscription_id = $2 AND partner_id = $3`,
    [
      id,
      subscriptionId,
      partnerId,
      ...auditValues(by, { action: 'recovery.canceled', subjectId: publicId('rcv', id) }),
    ],
  );
  const [row] = rows;
  if (!row) return 'not_found';
  return row.changed || row.state === 'canceled' ? 'canceled' : 'not_running';
}
