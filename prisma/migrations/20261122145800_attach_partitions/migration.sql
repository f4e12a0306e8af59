-- CREATE TABLE … PARTITION OF locks the parent against everybody (ACCESS EXCLUSIVE): behind a backup or a long report, all
-- inserts would queue. A table that is made first and then attached needs SHARE UPDATE EXCLUSIVE only, which stops neither.
CREATE OR REPLACE FUNCTION "make_partitions"("first" date, "last" date) RETURNS integer LANGUAGE plpgsql AS $$
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
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child,
        "uuid_floor"(day::timestamp AT TIME ZONE 'UTC'), "uuid_floor"((day + 1)::timestamp AT TIME ZONE 'UTC'));
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
