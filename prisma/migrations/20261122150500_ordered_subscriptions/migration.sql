-- Ordered subscriptions: one delivery at a time, the oldest event first.
ALTER TABLE "subscriptions" ADD COLUMN "ordered" boolean NOT NULL DEFAULT false;

-- The head of an ordered subscription's line. Only pending rows are in it, so the ordinary event never enters.
CREATE INDEX "deliveries_head_idx" ON "deliveries" ("subscription_id", "id") WHERE "state" = 'pending';
