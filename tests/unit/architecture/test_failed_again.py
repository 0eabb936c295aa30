"""A test that failed beside others decides alone; what did not run, or fails again, stays a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_TESTS = """
import pathlib

import pytest

def test_fails_once():
    seen = pathlib.Path("seen")
    if not seen.exists():
        seen.touch()
        raise AssertionError

@pytest.mark.parametrize("number", range(NUMBER))
def test_fails_always(number):
    raise AssertionError
"""


def _run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("number", "code", "said"), [(0, 0, "passed alone"), (1, 1, "2 failed"), (5, 1, "")])
def test_only_few_tests_that_pass_alone_are_forgiven(tmp_path: Path, number: int, code: int, said: str) -> None:
    (tmp_path / "test_some.py").write_text(_TESTS.replace("NUMBER", str(number)))
    (tmp_path / "pytest.ini").touch()
    first = _run(tmp_path, "pytest", "-q")
    if number:
        (tmp_path / "seen").unlink()
    again = _run(tmp_path, "tests.failed_again", str(first.returncode))
    assert again.returncode == code and said in again.stdout, again.stdout + again.stderr
    assert ("Running" in again.stdout) == (number < 5)


@pytest.mark.parametrize("code", [0, 2, 3, 6])
def test_any_other_end_of_the_first_run_stays(tmp_path: Path, code: int) -> None:
    assert _run(tmp_path, "tests.failed_again", str(code)).returncode == code
