"""The steps of the pipeline by name: what a worker can be started with."""

STEPS = ("split", "upsert", "finish", "sweep", "failures", "reconcile", "statistics")
