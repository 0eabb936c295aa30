"""The source of a released version, out of the history of this repository."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import OPTIONAL

_ROOT = Path(__file__).parents[1]
#: Commits of releases. A clone of one branch has them but not their tags.
V0_2_0 = "3210cee2e6e1e6664f039faf5b96a6af9cbaf108"
VERSION_BEFORE = V0_2_0  #: The newest release before the version that is tested.


def extract_source(folder: Path, commit: str = VERSION_BEFORE) -> Path:
    """Write the package of a release into `folder` and return the path to import it from.

    The test is skipped in a shallow clone, which does not have that commit.
    """
    git = ["git", "-C", str(_ROOT)]
    known = subprocess.run([*git, "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True)
    if known.returncode:
        pytest.skip(f"this shallow clone has no release {commit[:8]}: run `git fetch --unshallow` {OPTIONAL}")
    packed = subprocess.run([*git, "archive", commit, "src/integrahub"], check=True, capture_output=True).stdout
    folder.mkdir(exist_ok=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed, check=True)
    return folder / "src"
