"""`integrahub lifecycle`: what the storage itself removes, moves and gives up."""

from integrahub.hub.adapters import storage_rules
from integrahub.settings.model import Settings
from integrahub.tools.terminal.output import say


def lifecycle() -> int:
    """Give the bucket of STORAGE_URL its rules of retention. Local files need none: sweep keeps theirs.

    Example: INTEGRAHUB_STORAGE_URL=s3://bucket integrahub lifecycle
    """
    settings = Settings()
    rules = storage_rules(settings)
    bodies, chunks = settings.body_retention_days, settings.chunk_retention_days
    if rules is None:
        say(f"Local files need no rules: sweep removes bodies after {bodies} days and chunks after {chunks}.")
        return 0
    bucket, keeping = rules
    cold = bucket.put(keeping)
    say(f"Bodies expire after {bodies} days; uploads left unfinished are given up after a day.")
    if cold:
        say(f"Chunks go to the class {keeping.cold} after {chunks} days and expire with the bodies.")
    else:
        told = f"This store has no class {keeping.cold}, so chunks expire after {chunks} days."
        say(f"{told} Dead letters keep copies of theirs.")
    return 0
