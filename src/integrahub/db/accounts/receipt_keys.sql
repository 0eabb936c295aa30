-- insert_missing --
-- Keep a public key, so that receipts stay verifiable after the next one replaced it.
INSERT INTO receipt_keys (key_id, public_key) VALUES (%(key_id)s, %(public_key)s) ON CONFLICT (key_id) DO NOTHING

-- list_all --
-- All public keys, the newest first.
SELECT key_id, public_key FROM receipt_keys ORDER BY created_at DESC, key_id
