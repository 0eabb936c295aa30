"""Work that runs at intervals: dispatch unfinished work again, delete old data and orphaned objects."""
