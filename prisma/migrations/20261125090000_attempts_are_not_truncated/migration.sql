-- Attempts are append-only: that leaves TRUNCATE. A statement's trigger is not inherited, so every partition has its own.
-- Retention detaches partitions and drops them, which is neither.

-- Whoever makes partitions holds this lock (LOCKS.partitions of src/store/locks.ts): none comes in between without its trigger.
SELECT pg_advisory_xact_lock(7716101);

CREATE TRIGGER "attempts_append_only_truncate" BEFORE TRUNCATE ON "attempts"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
DO $$
DECLARE
  child regclass;
BEGIN
  FOR child IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'attempts'::regclass ORDER BY inhrelid LOOP
    EXECUTE format('CREATE TRIGGER "attempts_append_only_truncate" BEFORE TRUNCATE ON %s
      FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"()', child);
  END LOOP;
END $$;

-- As before, and with that trigger.
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
      IF parent = 'attempts' THEN
        EXECUTE format('CREATE TRIGGER "attempts_append_only_truncate" BEFORE TRUNCATE ON %I
          FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"()', child);
      END IF;
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child,
        "uuid_floor"(day::timestamp AT TIME ZONE 'UTC'), "uuid_floor"((day + 1)::timestamp AT TIME ZONE 'UTC'));
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
