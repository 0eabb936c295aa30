"""Programs of others that a release runs: git, docker, cosign, gh."""

import subprocess
from collections.abc import Callable

from deploy.release.changelog import ReleaseError

Run = Callable[..., str]


def run_command(*command: str) -> str:
    """Run a command and return its output. Raise ReleaseError with its message if it fails or does not exist."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ReleaseError(f"{command[0]} is not installed. Install it, then run this again.") from None
    if done.returncode:
        raise ReleaseError(f"`{' '.join(command)}` failed ({done.returncode}): {done.stderr.strip()}")
    return done.stdout
