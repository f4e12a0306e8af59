-- When the next letter of a bulk redrive may be published: the one row that all processes take their turns from.
CREATE TABLE "redrive_pace" (
  "id" boolean PRIMARY KEY DEFAULT true CHECK ("id"),
  "next_at" timestamptz NOT NULL DEFAULT now()
);
INSERT INTO "redrive_pace" DEFAULT VALUES;
