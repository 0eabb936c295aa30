-- expand
-- Letters of messages come by a topic of their own, each once, with the trace they tell.

ALTER TABLE dead_letters
  ADD COLUMN letter_id uuid UNIQUE,            -- of a message, so that a repeated announcement is no second letter
  ADD COLUMN trace_id text;                    -- of a message; a chunk's is its batch
