"""Worker process: consume events, run pipeline steps and periodic tasks."""
