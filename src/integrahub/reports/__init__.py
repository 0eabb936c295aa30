"""What a client asks about its batches."""
