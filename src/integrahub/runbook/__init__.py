"""The runbook in the package: its pages and entries in both languages, for the console and the command line."""
