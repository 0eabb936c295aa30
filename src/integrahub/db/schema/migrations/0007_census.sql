-- expand
-- Figures that are costly to count are counted aside; what became of batches is kept by the hour; what a person asks of one
-- pharmacy when an alert fires has a view.

-- What the census counted last: a metric's value by its label values.
CREATE TABLE statistics (
  name text NOT NULL,
  labels text[] NOT NULL,
  value double precision NOT NULL,
  counted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, labels)
);

-- Totals since the beginning as of the end of an hour in which a batch became final.
CREATE TABLE history (
  hour timestamptz PRIMARY KEY,
  totals jsonb NOT NULL
);

CREATE INDEX batches_finished ON batches (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX batches_held ON batches (received_at) WHERE deactivation_state = 'held';

-- FULLs whose deactivation waits for a person.
CREATE VIEW held_deactivations AS
SELECT b.id AS batch_id, p.cnpj, p.name, b.received_at, b.deactivation_candidates AS candidates,
  b.deactivation_active AS active, b.deactivation_reason AS reason
FROM batches b JOIN pharmacies p ON p.id = b.pharmacy_id
WHERE b.deactivation_state = 'held' ORDER BY b.received_at;

-- Pharmacies that have been silent for half as long again as ever between their last 50 posts; for two weeks at most:
-- after that they have left.
CREATE VIEW silent_pharmacies AS
SELECT p.cnpj, p.name, r.last_at, r.longest AS longest_gap, now() - r.last_at AS silent_for
FROM pharmacies p CROSS JOIN LATERAL (
  SELECT count(*) AS posts, max(received_at) AS last_at, max(gap) AS longest
  FROM (SELECT received_at, received_at - lag(received_at) OVER (ORDER BY received_seq) AS gap
    FROM (SELECT b.received_seq, b.received_at FROM batches b WHERE b.pharmacy_id = p.id AND b.kind = 'load'
      ORDER BY b.received_seq DESC LIMIT 50) latest) gaps) r
WHERE r.posts >= 5 AND now() - r.last_at > greatest(interval '1 hour', 1.5 * r.longest)
  AND now() - r.last_at < 1.5 * r.longest + interval '14 days'
ORDER BY r.last_at;
