-- Which events of its types a subscription wants, in the grammar of SNS filter policies on the webhook's body.
ALTER TABLE "subscriptions" ADD COLUMN "filter" jsonb;

COMMENT ON COLUMN "events"."skipped" IS
  '[{subscriptionId, reason}]; [{reason}] alone: the event concerned nobody; null: nobody was passed by';
