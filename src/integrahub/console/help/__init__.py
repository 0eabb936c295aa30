"""Help: which entry of the runbook explains what, and its Markdown as HTML."""
