"""Tables of batches and replays."""
