-- A subscription in trouble has one row here, a healthy one has none: the ordinary event neither reads nor writes it.
CREATE TYPE "breaker_state" AS ENUM ('closed', 'open', 'half_open');

CREATE TABLE "subscription_health" (
  "subscription_id" uuid PRIMARY KEY REFERENCES "subscriptions" ("id"),
  "breaker" "breaker_state" NOT NULL,
  "since" timestamptz(3) NOT NULL, -- when the breaker came into this streak of being open, or closed
  "not_before" timestamptz(3), -- open: when the next probe may go; half-open: when the probe's lease ends
  "pauses" smallint NOT NULL DEFAULT 0, -- in a row: each is twice as long as the one before
  "failing_since" timestamptz(3), -- nothing has succeeded since; null: something has
  "warned_percent" smallint NOT NULL DEFAULT 0, -- of the time until it is disabled
  "announced" boolean NOT NULL DEFAULT false -- that the breaker opened in this streak
);

-- Workers keep what is in trouble in memory. They need to hear when a row comes or goes and when the breaker opens or closes;
-- the rest they see when they next have a reason to write.
CREATE FUNCTION "announce_health"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP <> 'UPDATE' OR (OLD.breaker = 'closed', OLD.warned_percent, OLD.announced) <>
      (NEW.breaker = 'closed', NEW.warned_percent, NEW.announced) THEN
    PERFORM pg_notify('postrider', json_build_object('changed', 'health',
      'subscriptionId', CASE WHEN TG_OP = 'DELETE' THEN OLD.subscription_id ELSE NEW.subscription_id END,
      'health', CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_json(NEW) END)::text);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "subscription_health_announce" AFTER INSERT OR UPDATE OR DELETE ON "subscription_health"
  FOR EACH ROW EXECUTE FUNCTION "announce_health"();

-- A new URL, or somebody enabling it, is a new beginning.
CREATE FUNCTION "forget_health"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.url <> OLD.url OR NEW.enabled <> OLD.enabled OR NEW.deleted_at IS NOT NULL THEN
    DELETE FROM subscription_health WHERE subscription_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "subscriptions_forget_health" AFTER UPDATE ON "subscriptions"
  FOR EACH ROW EXECUTE FUNCTION "forget_health"();

-- Set while a delivery that was exhausted is attempted again because somebody asked: its success is news. Null costs no byte.
ALTER TABLE "deliveries" ADD COLUMN "exhausted_at" timestamptz(3);

-- Stands for whoever operates Postrider: gets the operational events that concern no partner (dead letters).
INSERT INTO "partners" ("id", "name") VALUES ('postrider', 'Postrider: operational events') ON CONFLICT ("id") DO NOTHING;
