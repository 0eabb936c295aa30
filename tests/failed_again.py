"""Run the few tests that failed in the run of all tests once more, alone: `make test` calls it with the exit code.

A test of real processes may starve beside others on a small machine. A test that fails alone too counts as failed. The
program lists the tests that pass alone, so that a developer fixes them.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_MAX_TESTS = 5
_LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")


def main(exit_code: int) -> int:
    """Return the exit code of the whole: that of the first run, or 0 if a few tests failed and all pass alone."""
    if exit_code != pytest.ExitCode.TESTS_FAILED:
        return exit_code
    failed = sorted(json.loads(_LAST_FAILED.read_text())) if _LAST_FAILED.exists() else []
    if not 0 < len(failed) <= _MAX_TESTS:
        return exit_code
    print(f"\nRunning {len(failed)} failed tests again, alone", flush=True)
    again = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:xdist", *failed], check=False).returncode
    if again == 0:
        print("\nFailed beside other tests, passed alone. Make them wait for what they need:", *failed, sep="\n  ")
    return again


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
