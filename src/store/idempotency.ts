import type pg from 'pg';

export interface IdempotencyKey {
  readonly partnerId: string;
  readonly key: string;
  /** Position in a batch, from 1; 0 for a single event. */
  readonly entry: number;
}

export interface KeyClaim extends IdempotencyKey {
  readonly bodyHash: Buffer;
  readonly eventId: string;
}

export type KeyClaimed =
  | { readonly kind: 'claimed'; readonly eventId: string }
  | { readonly kind: 'repeated'; readonly eventId: string; readonly published: boolean }
  | { readonly kind: 'reused' };

/** Claims a key for an event, or tells what it stands for already. */
export async function claimIdempotencyKey(pool: pg.Pool, claim: KeyClaim): Promise<KeyClaimed> {
  const { partnerId, key, entry, bodyHash, eventId } = claim;
  const inserted = await pool.query({
    name: 'claim-idempotency-key',
    text: `INSERT INTO idempotency_keys (partner_id, key, entry, body_hash, event_id) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT DO NOTHING`,
    values: [partnerId, key, entry, bodyHash, eventId],
  });
  if (inserted.rowCount === 1) return { kind: 'claimed', eventId };
  const { rows } = await pool.query<{ body_hash: Buffer; event_id: string; published: boolean }>({
    name: 'read-idempotency-key',
    text: 'SELECT body_hash, event_id::text, published FROM idempotency_keys WHERE partner_id = $1 AND key = $2 AND entry = $3',
    values: [partnerId, key, entry],
  });
  const before = rows[0];
  if (!before) return claimIdempotencyKey(pool, claim); // it expired between the two statements
  if (!before.body_hash.equals(bodyHash)) return { kind: 'reused' };
  return { kind: 'repeated', eventId: before.event_id, published: before.published };
}

/** Notes that a key's event is with the transport: a repeated request need not publish again. */
export async function markPublished(pool: pg.Pool, { partnerId, key, entry }: IdempotencyKey): Promise<void> {
  const text = 'UPDATE idempotency_keys SET published = true WHERE partner_id = $1 AND key = $2 AND entry = $3';
  await pool.query({ name: 'mark-published', text, values: [partnerId, key, entry] });
}
