-- A redriven letter stays until it comes back (waiting again) or retention ends.
ALTER TABLE "dead_letters"
  ADD COLUMN "state" text NOT NULL DEFAULT 'waiting' CHECK ("state" IN ('waiting', 'redriven')),
  ADD COLUMN "redriven_at" timestamptz(3),
  ADD COLUMN "redrive_at" timestamptz(3); -- asked for: when it is to be published, or the end of the lease of who publishes it
CREATE INDEX "dead_letters_state_id_idx" ON "dead_letters" ("state", "id");
CREATE INDEX "dead_letters_redrive_at_idx" ON "dead_letters" ("redrive_at") WHERE "redrive_at" IS NOT NULL;
