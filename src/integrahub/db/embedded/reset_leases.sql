-- expire_chunks --
-- Expire the chunk leases of an earlier run.
UPDATE batch_chunks SET lease_until = now() WHERE finished_at IS NULL AND status = 'PROCESSING' AND lease_until > now()

-- expire_splits --
-- Expire the split leases of an earlier run.
UPDATE batches SET lease_until = now() WHERE finished_at IS NULL AND stage = 'splitting' AND lease_until > now()

-- expire_deliveries --
-- Make the webhooks due that workers of an earlier run were sending.
UPDATE webhook_deliveries SET next_attempt_at = now(), lease_until = now()
WHERE claim_token IS NOT NULL AND state = 'pending' AND lease_until > now()

-- requeue_messages --
-- Make messages due that workers of an earlier run had received.
UPDATE bus_messages SET due_at = now() WHERE due_at > now()
