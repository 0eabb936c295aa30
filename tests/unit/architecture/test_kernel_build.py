"""The kernel's compiler has one version, and KERNEL=off leaves all records to Python."""

import re
from pathlib import Path

import hatch_build
import pytest

from integrahub.hub import adapters
from integrahub.settings.model import Settings

ROOT = Path(__file__).parents[3]


def test_the_compiler_has_one_version() -> None:
    locked = re.findall(r"^ziglang==(\S+)", (ROOT / "requirements-kernel.txt").read_text("utf-8"), re.MULTILINE)
    cached = re.findall(r"/zig-([0-9.]+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert locked == cached == [hatch_build.VERSION]


def test_the_lock_of_the_compiler_names_no_address() -> None:
    assert "http" not in (ROOT / "requirements-kernel.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("platform", "target"),
    [
        ("linux-x86_64", "x86_64-linux-musl"),
        ("linux-aarch64", "aarch64-linux-musl"),
        ("macosx-11.0-arm64", "aarch64-macos.11.0"),
        ("win-amd64", "x86_64-windows-gnu"),
        ("linux-riscv64", None),
        ("freebsd-14-amd64", None),
    ],
)
def test_each_platform_has_its_target_or_none(
    platform: str, target: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysconfig.get_platform", lambda: platform)
    assert hatch_build.find_target() == target


def test_with_kernel_off_all_records_are_read_in_python() -> None:
    off = Settings(kernel="off")
    assert adapters.build_dialect(off).kernel is None
    assert adapters.describe_kernel(off) == "pure Python: KERNEL is off"
    described = adapters.describe_kernel(Settings(kernel="auto"))
    assert described.startswith("kernel " if adapters.load_kernel() else "pure Python: ")
