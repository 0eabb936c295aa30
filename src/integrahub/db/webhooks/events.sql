-- facts --
-- What the webhooks of a batch are rendered from: the columns of the type `BatchReport` (a final batch has no unsettled
-- chunks and no place in the queue), and what decides which events occurred.
RETURNING b.id AS batch_id, b.pharmacy_id, b.kind, b.parent_id, b.load_type, b.status, b.stage, b.received_seq,
  b.received_at, b.started_at, b.finished_at, b.bytes, b.items_total, b.chunks_total, b.chunks_total AS chunks_done,
  b.inserted, b.updated, b.unchanged, b.merged, b.rejected, b.dead, b.superseded, b.cancelled, b.deactivated,
  b.reactivated, b.warnings, b.deactivation_state, b.deactivation_candidates, b.deactivation_active,
  b.deactivation_reason, b.deactivation_facts, b.error_code, b.error_facts, b.error_offset, b.rows_removed_at,
  b.report_removed_at, extract(epoch FROM b.finished_at - b.started_at)::float8 AS seconds,
  NULL::bigint AS queue_position, now() AS now, old.finished_at IS NULL AS has_ended,
  old.deactivation_state AS state_before

-- insert --
-- Insert a delivery for each endpoint that receives an event of the batches `changed`: the end of a load, or the hold
-- of its deactivation, or the decision on that. Operations and dry runs have no end of their own.
INSERT INTO webhook_deliveries (endpoint_id, event, pharmacy_id, batch_id, occurred_at, facts, state, next_attempt_at)
SELECT e.id, v.event, f.pharmacy_id, f.batch_id, CASE WHEN f.has_ended THEN f.finished_at ELSE now() END,
  to_jsonb(f) || jsonb_build_object('cnpj', p.cnpj),
  CASE e.state WHEN 'enabled' THEN 'pending' ELSE 'held' END, CASE e.state WHEN 'enabled' THEN now() END
FROM changed f JOIN pharmacies p ON p.id = f.pharmacy_id
CROSS JOIN LATERAL (
  SELECT id, state, events FROM webhook_endpoints
  WHERE pharmacy_id = f.pharmacy_id AND deleted_at IS NULL
    AND (owner = 'pharmacy' OR EXISTS (SELECT FROM live_keys k WHERE k.family = key_id))
  UNION ALL
  SELECT id, state, events FROM webhook_endpoints w
  WHERE pharmacy_id IS NULL AND deleted_at IS NULL AND (owner = 'operator'
    OR (cnpjs IS NULL OR p.cnpj = ANY(cnpjs)) AND EXISTS (SELECT FROM live_keys k WHERE k.family = key_id)
      AND NOT EXISTS (SELECT FROM webhook_endpoints own WHERE own.pharmacy_id = f.pharmacy_id
        AND own.key_id = w.key_id AND own.deleted_at IS NULL))) e
CROSS JOIN LATERAL (VALUES
  ('batch.' || lower(f.status), f.has_ended AND f.kind IN ('load', 'replay', 'chunk_replay')),
  ('batch.deactivation_held', f.deactivation_state = 'held' AND f.state_before <> 'held'),
  ('batch.deactivation_decided', f.deactivation_state <> 'held' AND f.state_before = 'held')) v (event, occurred)
WHERE v.occurred AND v.event = ANY(e.events)
ON CONFLICT (batch_id, endpoint_id, event) WHERE batch_id IS NOT NULL DO NOTHING
