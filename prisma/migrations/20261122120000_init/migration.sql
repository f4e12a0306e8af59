-- Types ---------------------------------------------------------------------------------------------------------------

CREATE TYPE "api_key_scope" AS ENUM ('admin', 'publish', 'partner');
CREATE TYPE "delivery_state" AS ENUM ('pending', 'succeeded', 'exhausted', 'canceled');
CREATE TYPE "attempt_trigger" AS ENUM ('automatic', 'manual', 'recovery', 'test');
CREATE TYPE "attempt_outcome" AS ENUM
  ('succeeded', 'http_error', 'timeout', 'connection_failed', 'dns_failed', 'tls_failed', 'blocked_address');
CREATE TYPE "secret_algorithm" AS ENUM ('hmac-sha256', 'ed25519');

-- What operators and partners set up ----------------------------------------------------------------------------------

CREATE TABLE "partners" (
  "id" text COLLATE "C" PRIMARY KEY,
  "name" text NOT NULL,
  "metadata" jsonb NOT NULL DEFAULT '{}',
  "subscriptions_version" bigint NOT NULL DEFAULT 0,
  "created_at" timestamptz(3) NOT NULL DEFAULT now(),
  "updated_at" timestamptz(3) NOT NULL DEFAULT now(),
  "deleted_at" timestamptz(3)
);

CREATE TABLE "subscriptions" (
  "id" uuid PRIMARY KEY,
  "partner_id" text COLLATE "C" NOT NULL REFERENCES "partners" ("id"),
  "url" text NOT NULL,
  "event_types" text[] NOT NULL,
  "description" text,
  "headers" bytea,
  "timeout_seconds" smallint,
  "enabled" boolean NOT NULL DEFAULT true,
  "disabled_reason" text,
  "metadata" jsonb NOT NULL DEFAULT '{}',
  "created_at" timestamptz(3) NOT NULL DEFAULT now(),
  "updated_at" timestamptz(3) NOT NULL DEFAULT now(),
  "deleted_at" timestamptz(3)
);
CREATE INDEX "subscriptions_partner_id_id_idx" ON "subscriptions" ("partner_id", "id");

CREATE TABLE "secrets" (
  "id" uuid PRIMARY KEY,
  "subscription_id" uuid NOT NULL REFERENCES "subscriptions" ("id"),
  "algorithm" "secret_algorithm" NOT NULL DEFAULT 'hmac-sha256',
  "ciphertext" bytea NOT NULL,
  "created_at" timestamptz(3) NOT NULL DEFAULT now(),
  "expires_at" timestamptz(3)
);
CREATE INDEX "secrets_subscription_id_idx" ON "secrets" ("subscription_id");

CREATE TABLE "api_keys" (
  "id" uuid PRIMARY KEY,
  "name" text NOT NULL,
  "scope" "api_key_scope" NOT NULL,
  "partner_id" text COLLATE "C" REFERENCES "partners" ("id"),
  "hash" bytea NOT NULL UNIQUE,
  "hint" text NOT NULL,
  "created_at" timestamptz(3) NOT NULL DEFAULT now(),
  "expires_at" timestamptz(3),
  "revoked_at" timestamptz(3),
  CHECK ("scope" <> 'partner' OR "partner_id" IS NOT NULL)
);
CREATE INDEX "api_keys_partner_id_id_idx" ON "api_keys" ("partner_id", "id");

CREATE TABLE "idempotency_keys" (
  "partner_id" text COLLATE "C" NOT NULL,
  "key" text COLLATE "C" NOT NULL,
  "entry" smallint NOT NULL,
  "body_hash" bytea NOT NULL,
  "event_id" uuid NOT NULL,
  "published" boolean NOT NULL DEFAULT false,
  "created_at" timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY ("partner_id", "key", "entry")
);
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys" ("created_at");

CREATE TABLE "dead_letters" (
  "id" uuid PRIMARY KEY,
  "lane" text NOT NULL,
  "reason" text NOT NULL,
  "detail" text NOT NULL,
  "body" text NOT NULL,
  "attributes" jsonb NOT NULL,
  "partner_id" text COLLATE "C",
  "receive_count" integer NOT NULL,
  "first_seen_at" timestamptz(3) NOT NULL DEFAULT now(),
  "last_seen_at" timestamptz(3) NOT NULL DEFAULT now()
);

-- What flows: partitioned by day on UUIDv7 keys, no foreign keys (each would cost a look-up and a row lock per event) -----

CREATE TABLE "events" (
  "id" uuid NOT NULL,
  "lease_until" timestamptz(3) NOT NULL, -- the worker that dispatches it is alone with it until then
  "fan_out" smallint NOT NULL,
  "partner_id" text COLLATE "C" NOT NULL,
  "type" text NOT NULL,
  "timestamp" text, -- null: the time in the id
  "skipped" jsonb,
  "data" text NOT NULL, -- text, not json: it is delivered byte for byte
  PRIMARY KEY ("id")
) PARTITION BY RANGE ("id");
CREATE INDEX "events_partner_id_id_idx" ON "events" ("partner_id", "id");

CREATE TABLE "deliveries" (
  "id" uuid NOT NULL,
  "subscription_id" uuid NOT NULL,
  "event_id" uuid NOT NULL,
  "next_attempt_at" timestamptz(3),
  "finished_at" timestamptz(3),
  "resume_at" timestamptz(3), -- a person asked for an attempt in between: when the schedule goes on
  "state" "delivery_state" NOT NULL,
  "trigger" "attempt_trigger" NOT NULL DEFAULT 'automatic', -- of the next attempt
  "attempt_count" smallint NOT NULL DEFAULT 0,
  "retries_used" smallint NOT NULL DEFAULT 0,
  "leased" boolean NOT NULL DEFAULT false, -- next_attempt_at is the end of a worker's lease
  "event_type" text NOT NULL,
  PRIMARY KEY ("id"),
  CHECK (("state" = 'pending') = ("next_attempt_at" IS NOT NULL))
) PARTITION BY RANGE ("id");
CREATE INDEX "deliveries_subscription_id_id_idx" ON "deliveries" ("subscription_id", "id");
CREATE INDEX "deliveries_due_idx" ON "deliveries" ("subscription_id", "next_attempt_at") WHERE "state" = 'pending';

CREATE TABLE "attempts" (
  "delivery_id" uuid NOT NULL,
  "started_at" timestamptz(3) NOT NULL,
  "number" smallint NOT NULL,
  "status_code" smallint,
  "duration_ms" real NOT NULL,
  "dns_ms" real,
  "connect_ms" real,
  "tls_ms" real,
  "first_byte_ms" real,
  "trigger" "attempt_trigger" NOT NULL,
  "outcome" "attempt_outcome" NOT NULL,
  "reused" boolean NOT NULL,
  "body_truncated" boolean NOT NULL DEFAULT false,
  "url" text NOT NULL,
  "signature" text NOT NULL,
  "own_headers" text[], -- names only: the values can be credentials
  "error" text,
  "response_headers" json,
  "response_body" text,
  PRIMARY KEY ("delivery_id", "number")
) PARTITION BY RANGE ("delivery_id");

-- lz4 halves the cost of compressing long payloads; a server built without it keeps pglz.
DO $$ BEGIN
  ALTER TABLE "events" ALTER COLUMN "data" SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;

-- Attempts are append-only: retention drops whole partitions, which is no DELETE.
CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER "attempts_append_only" BEFORE UPDATE OR DELETE ON "attempts"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();

-- Partitions ------------------------------------------------------------------------------------------------------------

-- The smallest uuid that carries this time or a later one (RFC 9562, version 7: 48 bits of unix milliseconds first).
CREATE FUNCTION "uuid_floor"("at" timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex(floor(extract(epoch FROM "at") * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the daily partitions (UTC) of the three tables for the days first … last. Callers hold the maintenance lock.
CREATE FUNCTION "make_partitions"("first" date, "last" date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  parent text;
  day date;
  made integer := 0;
  child text;
BEGIN
  FOREACH parent IN ARRAY ARRAY['events', 'deliveries', 'attempts'] LOOP
    FOR day IN SELECT generate_series("first"::timestamp, "last"::timestamp, '1 day')::date LOOP
      child := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
      CONTINUE WHEN to_regclass(child) IS NOT NULL;
      -- Made apart and attached: that lets writers go on, where PARTITION OF would lock them out.
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child,
        "uuid_floor"(day::timestamp AT TIME ZONE 'UTC'), "uuid_floor"((day + 1)::timestamp AT TIME ZONE 'UTC'));
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;

-- Exactly-fresh caches ----------------------------------------------------------------------------------------------------

-- Every change to a subscription or a secret raises its partner's version in the same transaction: what the workers matched
-- with is compared with it. NOTIFY makes them drop their copy early; the version makes it right.
CREATE FUNCTION "raise_subscriptions_version"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  concerned text;
BEGIN
  IF TG_TABLE_NAME = 'subscriptions' THEN
    concerned := coalesce(NEW.partner_id, OLD.partner_id);
  ELSE
    SELECT partner_id INTO concerned FROM subscriptions WHERE id = coalesce(NEW.subscription_id, OLD.subscription_id);
  END IF;
  UPDATE partners SET subscriptions_version = subscriptions_version + 1 WHERE id = concerned;
  PERFORM pg_notify('postrider', json_build_object('changed', 'subscriptions', 'partnerId', concerned)::text);
  RETURN NULL;
END $$;
CREATE TRIGGER "subscriptions_version" AFTER INSERT OR UPDATE OR DELETE ON "subscriptions"
  FOR EACH ROW EXECUTE FUNCTION "raise_subscriptions_version"();
CREATE TRIGGER "secrets_version" AFTER INSERT OR UPDATE OR DELETE ON "secrets"
  FOR EACH ROW EXECUTE FUNCTION "raise_subscriptions_version"();

CREATE FUNCTION "announce_partner"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM pg_notify('postrider', json_build_object('changed', 'partner', 'partnerId', NEW.id)::text);
  RETURN NULL;
END $$;
CREATE TRIGGER "partners_announce" AFTER INSERT OR UPDATE OF "deleted_at" ON "partners"
  FOR EACH ROW EXECUTE FUNCTION "announce_partner"();

CREATE FUNCTION "announce_api_key"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM pg_notify('postrider', json_build_object('changed', 'apiKey', 'hash', encode(NEW.hash, 'hex'))::text);
  RETURN NULL;
END $$;
CREATE TRIGGER "api_keys_announce" AFTER INSERT OR UPDATE ON "api_keys"
  FOR EACH ROW EXECUTE FUNCTION "announce_api_key"();
