import type pg from 'pg';

export interface SeedOptions {
  readonly deliveries: number;
  /** They are spread evenly over so many days up to now. */
  readonly days: number;
  /** Subscriptions of the partner that has many. */
  readonly many?: number;
  readonly progress?: (deliveries: number) => void;
}

/** Rows of one statement: small enough for its arrays and sorts to stay in memory. */
const EVENTS_PER_STATEMENT = 5_000;

/** Two events have three deliveries: every other one is for two of its partner's subscriptions. */
const DELIVERIES_PER_EVENT = 1.5;

/** Every hundredth event is of the partner with many subscriptions, the others go round twenty. */
const PARTNERS = `
  INSERT INTO partners (id, name) SELECT 'partner-' || n, 'Partner ' || n FROM generate_series(0, 19) n
  UNION ALL SELECT 'many', 'One with many subscriptions'`;

const SUBSCRIPTIONS = `
  INSERT INTO subscriptions (id, partner_id, url, event_types)
  SELECT pg_temp.uuid_v7(now() - interval '30 days', p.id || '/' || n), p.id, 'https://example.com/' || n, '{*}'
  FROM partners p
  CROSS JOIN LATERAL generate_series(1, CASE p.id WHEN 'many' THEN $1 ELSE 2 + substr(p.id, 9)::int % 5 END) n
  WHERE p.id = 'many' OR p.id LIKE 'partner-%'`;

/** An id as Postrider makes them: the time, then a hash. Goes with the session. */
const UUID_V7 = `
  CREATE FUNCTION pg_temp.uuid_v7(at timestamptz, seed text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (left(replace("uuid_floor"(at)::text, '-', ''), 12) || '7' || substr(md5(seed), 1, 3) || '8' || substr(md5(seed), 4, 15))::uuid
  $$`;

/** The time in an id. Goes with the session. */
const TIME_OF = `
  CREATE FUNCTION pg_temp.time_of(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
  $$`;

/**
 * $1 … $2: the events' numbers; $3: how many there will be; $4: days. The mix goes by the number, so it is the same each time; 7 and
 * 13 have no factor in common with the partners' 20.
 */
const TRAFFIC = `
  WITH own AS MATERIALIZED (
    SELECT partner_id, array_agg(id ORDER BY id) AS ids FROM subscriptions GROUP BY partner_id
  ), event AS MATERIALIZED (
    SELECT n, pg_temp.uuid_v7(now() - make_interval(secs => $4::float8 * 86400 * (1 - n::float8 / $3)), 'event ' || n) AS id,
      CASE WHEN n % 100 = 99 THEN 'many' ELSE 'partner-' || n % 20 END AS partner_id,
      CASE WHEN n % 100003 = 77 THEN 'dispute.opened' WHEN n % 7 = 0 THEN 'order.paid'
        WHEN n % 13 = 0 THEN 'invoice.sent' ELSE 'order.created' END AS type
    FROM generate_series($1::int, $2::int - 1) n
  ), events AS (
    INSERT INTO events (id, lease_until, fan_out, partner_id, type, data)
    SELECT id, now(), 1 + n % 2, partner_id, type, '{"order":' || n || ',"note":"' || repeat(md5(n::text), 6) || '"}' FROM event
  ), delivery AS MATERIALIZED (
    SELECT e.id AS event_id, e.type, s.id AS subscription_id, k.kind,
      (left(e.id::text, 18) || '-8' || substr(h.hash, 2, 3) || '-' || substr(h.hash, 5, 12))::uuid AS id,
      pg_temp.time_of(e.id) AS at, 8 * exp(4 * (('x' || left(h.hash, 7))::bit(28)::int / 268435456.0)) AS ms
    FROM event e JOIN own USING (partner_id)
    CROSS JOIN LATERAL generate_series(0, e.n % 2) copy
    CROSS JOIN LATERAL (SELECT own.ids[1 + (e.n / 20 + copy) % cardinality(own.ids)] AS id) s
    CROSS JOIN LATERAL (SELECT md5(e.id::text || s.id::text) AS hash) h
    CROSS JOIN LATERAL (SELECT (e.n / 20 + 31 * copy) % 100 AS kind) k
  ), deliveries AS (
    INSERT INTO deliveries (id, subscription_id, event_id, next_attempt_at, finished_at, state, attempt_count, retries_used, event_type)
    SELECT id, subscription_id, event_id, CASE WHEN kind = 1 THEN now() + interval '1 day' END,
      CASE WHEN kind <> 1 THEN at + interval '2 seconds' END,
      (CASE kind WHEN 0 THEN 'exhausted' WHEN 1 THEN 'pending' WHEN 2 THEN 'canceled' ELSE 'succeeded' END)::delivery_state,
      CASE WHEN kind < 3 OR kind > 96 THEN 2 WHEN kind = 50 THEN 5 ELSE 1 END, 0, type
    FROM delivery
  )
  INSERT INTO attempts (delivery_id, started_at, number, status_code, duration_ms, first_byte_ms, trigger, outcome, reused, url,
    signature, error, response_headers, response_body)
  SELECT d.id, d.at + number * interval '20 milliseconds' * number, number, o.code, d.ms, d.ms * 0.9, 'automatic', o.outcome,
    true, 'https://example.com/', 'v1,' || md5(d.id::text), o.error, '{"content-type":"text/plain"}', 'ok'
  FROM delivery d
  CROSS JOIN LATERAL (SELECT CASE WHEN kind < 3 OR kind > 96 THEN 2 WHEN kind = 50 THEN 5 ELSE 1 END AS count) c
  CROSS JOIN LATERAL generate_series(1, c.count) number
  CROSS JOIN LATERAL (
    SELECT * FROM (VALUES (200, 'succeeded'::attempt_outcome, NULL), (503, 'http_error', 'the answer was 503'),
      (NULL, 'timeout', 'no answer within 15 s')) o (code, outcome, error)
    OFFSET CASE WHEN number = c.count AND kind > 2 THEN 0 WHEN kind % 2 = 0 THEN 1 ELSE 2 END LIMIT 1
  ) o`;

/** Fills an empty database. The pool's connections have no time limit of their own, so a statement is kept to a second or so. */
export async function seed(pool: pg.Pool, { deliveries, days, many = 5_000, progress }: SeedOptions): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query(UUID_V7);
    await client.query(TIME_OF);
    await client.query(PARTNERS);
    await client.query(SUBSCRIPTIONS, [many]);
    const events = Math.ceil(deliveries / DELIVERIES_PER_EVENT);
    for (let n = 0; n < events; n += EVENTS_PER_STATEMENT) {
      const end = Math.min(n + EVENTS_PER_STATEMENT, events);
      await client.query(TRAFFIC, [n, end, events, days]);
      if (n % 100_000 === 0) progress?.(Math.floor(end * DELIVERIES_PER_EVENT));
    }
  } finally {
    client.release();
  }
}
