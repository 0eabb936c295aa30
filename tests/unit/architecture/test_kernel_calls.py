"""A run with the kernel notes what calls it; a run without it chooses that alone, and fails if the kernel runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integrahub.hub.adapters import describe_kernel, load_kernel
from integrahub.settings.model import Settings

ROOT = Path(__file__).parents[3]
_TESTS = """
import pytest
from integrahub.domain.dialects.inovafarma.native.kernel import InovaFarmaKernel
from integrahub.hub.adapters import build_dialect
from integrahub.settings.model import Settings

def cut(kernel):
    if kernel:
        kernel.create_cutter(7, 1000).cut(b'[{"PRODUCTID":1,"TITLE":"A"}]', 0, 1, at_record=True)

@pytest.fixture(scope="module")
def shared():
    cut(build_dialect(Settings()).kernel)

def test_calls(): cut(build_dialect(Settings()).kernel)
def test_shares_1(shared): pass
def test_shares_2(shared): pass
def test_calls_nothing(): pass
@pytest.mark.kernel
def test_kernel(): cut(InovaFarmaKernel())
"""
_FAULTY = "\ndef test_never_run_before(): cut(InovaFarmaKernel())\n"


def _run(folder: Path, kernel: str, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "tests.kernel_calls", "-p", "no:xdist", "-p", "no:asyncio", "-rA"]
    environment = os.environ | {"INTEGRAHUB_KERNEL": kernel, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    arguments = ["--rootdir", str(folder), "-o", "markers=kernel", str(folder), *options]
    return subprocess.run([*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True).stdout


def _last_line(kernel: str, calling: int) -> str:
    described = describe_kernel(Settings(kernel=kernel))
    return f"records read by: {described}; tests that called the kernel: {calling}"


def test_the_run_without_the_kernel_has_the_tests_that_called_it_and_fails_if_it_is_called(tmp_path: Path) -> None:
    if load_kernel() is None:
        pytest.skip("the kernel is not built; `make kernel` builds it")
    page = tmp_path / "test_calls.py"
    page.write_text(_TESTS)
    assert _last_line("auto", 4) in _run(tmp_path, "auto")
    page.write_text(_TESTS + _FAULTY)
    without = _run(tmp_path, "off", "--kernel-callers")
    assert _last_line("off", 1) in without
    passed = [line.rpartition("::")[2] for line in without.splitlines() if line.startswith("PASSED")]
    assert passed == ["test_calls", "test_shares_1", "test_shares_2"]
    assert "1 failed, 3 passed, 2 deselected" in without
    assert "the kernel was called although INTEGRAHUB_KERNEL is off" in without
