"""Reports that clients request about their batches."""
