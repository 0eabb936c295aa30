"""Terminal output of programs: tables, JSON, progress bars, language."""
