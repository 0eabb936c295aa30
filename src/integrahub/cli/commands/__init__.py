"""Groups of verbs of the command line: one module each."""
