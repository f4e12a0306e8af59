-- Lists by state ---------------------------------------------------------------------------------------------------------

-- Deliveries that have not succeeded are few, and a list of them must not walk those that have. The ordinary delivery is written
-- once, as succeeded: it never enters this index.
CREATE INDEX "deliveries_unsettled_idx" ON "deliveries" ("subscription_id", "state", "id") WHERE "state" <> 'succeeded';

-- Statistics -------------------------------------------------------------------------------------------------------------

-- Attempts that are not in the statistics yet: one row for each statement that recorded some, so at most one for 100 attempts under
-- load. The roll-up deletes a row in the transaction that counts it: every attempt is counted exactly once.
CREATE TABLE "uncounted_attempts" (
  "delivery_ids" uuid[] NOT NULL,
  "started_at" timestamptz[] NOT NULL,
  "outcomes" "attempt_outcome"[] NOT NULL,
  "durations_ms" real[] NOT NULL
) WITH (
  toast_tuple_target = 8160, -- 100 attempts are 3 kB: in the row, not out of line
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000
);

-- The numbers of a minute or an hour. "outcomes" has a count for each value of attempt_outcome, in its order; "latency" is the
-- histogram of src/domain/latency.ts.
CREATE TABLE "subscription_stats" (
  "subscription_id" uuid NOT NULL,
  "seconds" integer NOT NULL, -- 60 or 3600
  "bucket" timestamptz(0) NOT NULL, -- when it begins
  "outcomes" integer[] NOT NULL,
  "latency" bytea NOT NULL,
  PRIMARY KEY ("subscription_id", "seconds", "bucket")
) WITH (fillfactor = 80); -- the current bucket's row is updated every few seconds, in its page

CREATE TABLE "partner_stats" (
  "partner_id" text COLLATE "C" NOT NULL,
  "seconds" integer NOT NULL,
  "bucket" timestamptz(0) NOT NULL,
  "outcomes" integer[] NOT NULL,
  "latency" bytea NOT NULL,
  PRIMARY KEY ("partner_id", "seconds", "bucket")
) WITH (fillfactor = 80);

-- By trigger, so that no statement can record an attempt that is not counted.
CREATE FUNCTION "note_uncounted_attempts"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO uncounted_attempts (delivery_ids, started_at, outcomes, durations_ms)
  SELECT array_agg(delivery_id), array_agg(started_at), array_agg(outcome), array_agg(duration_ms)
  FROM recorded HAVING count(*) > 0;
  RETURN NULL;
END $$;
CREATE TRIGGER "attempts_uncounted" AFTER INSERT ON "attempts" REFERENCING NEW TABLE AS "recorded"
  FOR EACH STATEMENT EXECUTE FUNCTION "note_uncounted_attempts"();
