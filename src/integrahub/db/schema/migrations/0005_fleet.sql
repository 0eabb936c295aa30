-- expand
-- Workers tell where they run and when they leave; restarts nobody asked for are counted; what waits is counted fast.

ALTER TABLE workers
  ADD COLUMN host text NOT NULL DEFAULT '',
  ADD COLUMN left_at timestamptz;              -- it ended because it was asked to; NULL: it works, or fell silent

CREATE TABLE worker_restarts (
  step text PRIMARY KEY,
  restarts bigint NOT NULL
);
