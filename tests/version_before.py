"""The source of the version before, out of the history of this repository."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import OPTIONAL

_ROOT = Path(__file__).parents[1]
#: The commit of v0.2.0. A clone of one branch has the commit but not the tag.
_COMMIT = "3210cee2e6e1e6664f039faf5b96a6af9cbaf108"


def extract_source(folder: Path) -> Path:
    """Write the package of the version before into `folder` and return the path to import it from.

    The test is skipped in a shallow clone, which does not have that commit.
    """
    git = ["git", "-C", str(_ROOT)]
    known = subprocess.run([*git, "cat-file", "-e", f"{_COMMIT}^{{commit}}"], capture_output=True)
    if known.returncode:
        pytest.skip(f"this shallow clone has no version 0.2.0: run `git fetch --unshallow` {OPTIONAL}")
    packed = subprocess.run([*git, "archive", _COMMIT, "src/integrahub"], check=True, capture_output=True).stdout
    folder.mkdir(exist_ok=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed, check=True)
    return folder / "src"
