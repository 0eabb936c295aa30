-- expire_chunks --
-- Chunks that workers of an earlier run held.
UPDATE batch_chunks SET lease_until = now() WHERE finished_at IS NULL AND status = 'PROCESSING' AND lease_until > now()

-- expire_splits --
-- Splits that workers of an earlier run held.
UPDATE batches SET lease_until = now() WHERE finished_at IS NULL AND stage = 'splitting' AND lease_until > now()

-- requeue_messages --
-- Messages an earlier run had taken are due again.
UPDATE bus_messages SET due_at = now() WHERE due_at > now()
