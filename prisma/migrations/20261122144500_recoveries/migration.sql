-- Recoveries: bulk redelivery of what a subscription missed, as durable jobs of the workers ------------------------------

CREATE TYPE "recovery_state" AS ENUM ('running', 'succeeded', 'canceled');

CREATE TABLE "recoveries" (
  "id" uuid PRIMARY KEY,
  "subscription_id" uuid NOT NULL REFERENCES "subscriptions" ("id"),
  "partner_id" text COLLATE "C" NOT NULL REFERENCES "partners" ("id"),
  "since" timestamptz(3) NOT NULL,
  "until" timestamptz(3) NOT NULL,
  "states" text[] NOT NULL, -- delivery states to redeliver, and 'skipped'
  "state" "recovery_state" NOT NULL DEFAULT 'running',
  "source" text NOT NULL, -- what is being scanned: 'deliveries', then 'events'
  "position" uuid NOT NULL, -- the id of the last row dealt with; moves on in the transaction that dealt with it
  "total" bigint, -- rows to scan, counted by the first step
  "scanned" bigint NOT NULL DEFAULT 0,
  "redelivered" bigint NOT NULL DEFAULT 0,
  "next_step_at" timestamptz(3) NOT NULL DEFAULT now(),
  "created_at" timestamptz(3) NOT NULL DEFAULT now(),
  "finished_at" timestamptz(3)
);
CREATE INDEX "recoveries_subscription_id_id_idx" ON "recoveries" ("subscription_id", "id");
-- One at a time: two over the same range would deliver twice.
CREATE UNIQUE INDEX "recoveries_running_idx" ON "recoveries" ("subscription_id") WHERE "state" = 'running';
