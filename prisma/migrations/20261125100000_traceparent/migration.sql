-- The trace that an event's later attempts belong to (W3C Trace Context); null, and free, unless traces are on.
ALTER TABLE "events" ADD COLUMN "traceparent" text;
