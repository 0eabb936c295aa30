"""`integrahub lifecycle`: set the lifecycle rules of the bucket."""

from integrahub.hub.adapters import open_bucket_lifecycle
from integrahub.settings.model import Settings
from integrahub.tools.terminal.output import say


def lifecycle() -> int:
    """Set the lifecycle rules of the bucket of INTEGRAHUB_STORAGE_URL. Local files need none: workers delete old ones.

    Example: INTEGRAHUB_STORAGE_URL=s3://bucket integrahub lifecycle
    """
    settings = Settings()
    bucket_and_days = open_bucket_lifecycle(settings)
    bodies, chunks = settings.body_retention_days, settings.chunk_retention_days
    if bucket_and_days is None:
        say(f"Local files need no rules: the worker deletes bodies after {bodies} days and chunks after {chunks}.")
        return 0
    bucket, days = bucket_and_days
    has_cold_class = bucket.put(days)
    say(f"Bodies expire after {bodies} days; incomplete uploads are aborted after one day.")
    if has_cold_class:
        say(f"Chunks move to the storage class {days.cold} after {chunks} days and expire with the bodies.")
    else:
        say(
            f"This store has no storage class {days.cold}, so chunks expire after {chunks} days. Dead letters have "
            "their own copies."
        )
    return 0
