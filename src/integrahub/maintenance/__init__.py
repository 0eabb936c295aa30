"""What time brings: sweep unfinished work, delete old data."""
