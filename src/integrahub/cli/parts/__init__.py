"""Programs of other projects that a demo or a test runs for itself, on 127.0.0.1: fetched, started, ended."""
