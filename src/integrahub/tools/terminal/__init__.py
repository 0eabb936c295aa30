"""Output of programs: tables, JSON, progress bars."""
