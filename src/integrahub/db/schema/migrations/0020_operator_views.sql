-- expand
-- The views read as whoever asks them: row security holds within them for each role.

ALTER VIEW silent_pharmacies SET (security_invoker = true);
ALTER VIEW held_deactivations SET (security_invoker = true);
