"""Client library: post catalogues, follow batches, read results."""
