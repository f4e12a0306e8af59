-- Polling delivery: subscriptions without a URL have a feed instead of deliveries ----------------------------------------

ALTER TABLE "subscriptions" ALTER COLUMN "url" DROP NOT NULL;

-- One row for an event and a polled subscription, under the id its delivery would have. Positions are given when the feed is
-- read, under the lock of its head, to rows that are committed by then: so what a late transaction commits comes after
-- everything that was read before it, and nobody reads past it.
CREATE TABLE "feed" (
  "delivery_id" uuid NOT NULL,
  "subscription_id" uuid NOT NULL,
  "event_id" uuid NOT NULL,
  "position" bigint,
  PRIMARY KEY ("delivery_id")
) PARTITION BY RANGE ("delivery_id");
CREATE INDEX "feed_unplaced_idx" ON "feed" ("subscription_id", "delivery_id") WHERE "position" IS NULL;
CREATE INDEX "feed_position_idx" ON "feed" ("subscription_id", "position") WHERE "position" IS NOT NULL;

-- The last position that was given; it outlives the feed's rows.
CREATE TABLE "feed_heads" (
  "subscription_id" uuid PRIMARY KEY REFERENCES "subscriptions" ("id"),
  "position" bigint NOT NULL DEFAULT 0
);

-- As before, and the feed's as well.
CREATE OR REPLACE FUNCTION "make_partitions"("first" date, "last" date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  parent text;
  day date;
  made integer := 0;
  child text;
BEGIN
  FOREACH parent IN ARRAY ARRAY['events', 'deliveries', 'attempts', 'feed'] LOOP
    FOR day IN SELECT generate_series("first"::timestamp, "last"::timestamp, '1 day')::date LOOP
      child := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
      CONTINUE WHEN to_regclass(child) IS NOT NULL;
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child,
        "uuid_floor"(day::timestamp AT TIME ZONE 'UTC'), "uuid_floor"((day + 1)::timestamp AT TIME ZONE 'UTC'));
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;

-- A worker that runs already looks once an hour only.
SELECT "make_partitions"((now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + 7);
