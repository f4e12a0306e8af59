ALTER TABLE "subscriptions" ADD COLUMN "rate_limit" smallint CHECK ("rate_limit" BETWEEN 1 AND 1000); -- requests per second

-- When a rate-limited subscription's next request may go (GCRA): the one row that all workers take their slots from.
CREATE TABLE "rate_slots" (
  "subscription_id" uuid PRIMARY KEY REFERENCES "subscriptions" ("id"),
  "next_at" timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE FUNCTION "add_rate_slots"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO rate_slots (subscription_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER "subscriptions_rate_slots" AFTER INSERT OR UPDATE OF "rate_limit" ON "subscriptions"
  FOR EACH ROW WHEN (NEW."rate_limit" IS NOT NULL) EXECUTE FUNCTION "add_rate_slots"();
