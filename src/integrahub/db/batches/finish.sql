-- lock_chunks --
-- Lock every unfinished chunk of a batch before they are cancelled.
SELECT number FROM batch_chunks WHERE batch_id = %(batch_id)s AND finished_at IS NULL ORDER BY number FOR UPDATE

-- cancel_chunks --
-- Cancel the chunks that were not applied.
UPDATE batch_chunks SET status = 'CANCELLED', finished_at = now(), claim_token = NULL, lease_until = NULL
WHERE batch_id = %(batch_id)s AND finished_at IS NULL

-- lock_if_finishing --
-- Lock the batch if all its chunks are settled and it is not final.
SELECT id FROM batches WHERE id = %(id)s AND stage = 'finishing' AND finished_at IS NULL FOR UPDATE

-- lock_unfinished --
-- Lock the batch if it is not final.
SELECT id FROM batches WHERE id = %(id)s AND finished_at IS NULL FOR UPDATE

-- totals --
-- Sum the counters of a batch's chunks.
SELECT coalesce(sum(inserted), 0)::bigint AS inserted, coalesce(sum(updated), 0)::bigint AS updated,
  coalesce(sum(unchanged), 0)::bigint AS unchanged, coalesce(sum(merged), 0)::bigint AS merged,
  coalesce(sum(rejected), 0)::bigint AS rejected, coalesce(sum(superseded), 0)::bigint AS superseded,
  coalesce(sum(reactivated), 0)::bigint AS reactivated, coalesce(sum(warnings), 0)::bigint AS warnings,
  coalesce(sum(records) FILTER (WHERE status = 'FAILED'), 0)::bigint AS dead,
  coalesce(sum(records) FILTER (WHERE status = 'CANCELLED'), 0)::bigint AS cancelled
FROM batch_chunks WHERE batch_id = %(id)s

-- finish --
-- Make the batch final: status, totals and deactivation. The transaction may have counted for long before this.
UPDATE batches b SET status = %(status)s, stage = 'done', finished_at = clock_timestamp(), claim_token = NULL, lease_until = NULL,
  inserted = %(inserted)s, updated = %(updated)s, unchanged = %(unchanged)s, merged = %(merged)s,
  rejected = %(rejected)s, superseded = %(superseded)s, reactivated = %(reactivated)s, warnings = %(warnings)s, dead = %(dead)s,
  cancelled = %(cancelled)s, deactivated = %(deactivated)s, deactivation_state = %(state)s, deactivation_candidates = %(candidates)s,
  deactivation_active = %(active)s, deactivation_reason = %(reason)s,
  deactivation_facts = %(facts)s, absence_proven = %(proven)s, error_code = coalesce(%(error_code)s, b.error_code),
  error_facts = coalesce(%(error_facts)s, b.error_facts)
WHERE b.id = %(id)s

-- insert_dry_run --
-- Store what a dry run decided about the products that it does not have. Its row in `batches` decides nothing.
INSERT INTO dry_runs (batch_id, deactivated, deactivation_state, deactivation_candidates, deactivation_active,
  deactivation_reason, deactivation_facts)
VALUES (%(id)s, %(deactivated)s, %(state)s, %(candidates)s, %(active)s, %(reason)s, %(facts)s)

-- record_rehearsed_reset --
-- Record that a cancelled dry run inserted products into an empty catalogue.
INSERT INTO dry_run_changes (pharmacy_id, batch_id, product_id, kind, stock_only)
SELECT p.id, %(id)s, 0, 'reset', false FROM pharmacies p WHERE p.id = %(pharmacy_id)s AND NOT p.has_products
