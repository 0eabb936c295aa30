-- contract
-- A FULL that was judged and not held proves what it does not have absent, also when nothing was to be deactivated.

ALTER TABLE batches
  ADD COLUMN absence_proven boolean NOT NULL DEFAULT false,
  ALTER COLUMN deactivation_active DROP NOT NULL,  -- NULL: nothing was looked at
  ALTER COLUMN deactivation_active DROP DEFAULT;
UPDATE batches SET absence_proven = true WHERE deactivation_state IN ('applied', 'approved');
UPDATE batches SET deactivation_active = NULL
WHERE deactivation_active = 0 AND deactivation_state IN ('none', 'waiting') AND deactivation_candidates = 0;
