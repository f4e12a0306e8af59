-- Who changed what: one row per action, written in the transaction of the change, and never changed or removed.
CREATE TABLE "audit" (
  "id" uuid PRIMARY KEY,
  "at" timestamptz(3) NOT NULL, -- the time in the id
  "actor" text NOT NULL, -- an API key's id, 'settings' (ADMIN_API_KEY), or 'postrider' itself
  "action" text NOT NULL, -- 'subscription.updated'
  "partner_id" text COLLATE "C", -- null: of no partner, or not for its eyes
  "subject_type" text NOT NULL,
  "subject_id" text NOT NULL, -- as shown outside: 'sub_…'
  "before" jsonb,
  "after" jsonb,
  "request_id" text
);
CREATE INDEX "audit_partner_id_id_idx" ON "audit" ("partner_id", "id");

CREATE TRIGGER "audit_append_only" BEFORE UPDATE OR DELETE ON "audit"
  FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "audit_append_only_truncate" BEFORE TRUNCATE ON "audit"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
