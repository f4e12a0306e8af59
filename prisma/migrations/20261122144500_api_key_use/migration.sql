-- When a key was last used, to the minute: told apart from other changes, so that noting it drops no process's copy of the key.
ALTER TABLE "api_keys" ADD COLUMN "last_used_at" timestamptz(3);

DROP TRIGGER "api_keys_announce" ON "api_keys";
CREATE TRIGGER "api_keys_announce" AFTER INSERT OR UPDATE OF "scope", "partner_id", "hash", "expires_at", "revoked_at" ON "api_keys"
  FOR EACH ROW EXECUTE FUNCTION "announce_api_key"();
