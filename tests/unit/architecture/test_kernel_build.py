"""The kernel's compiler has one version, no stale library stays, and KERNEL=off leaves all records to Python."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hatch_build
import pytest

from integrahub.domain.dialects.inovafarma.native.sources import digest_sources
from integrahub.hub import adapters
from integrahub.settings.model import Settings

ROOT = Path(__file__).parents[3]
_ERROR = subprocess.CalledProcessError(1, "zig")


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
    assert adapters.describe_kernel(off) == "pure Python: INTEGRAHUB_KERNEL is off"
    described = adapters.describe_kernel(Settings(kernel="auto"))
    assert described.startswith("compiled kernel, version " if adapters.load_kernel() else "pure Python: ")


class _App:
    """What the hook says to the builder."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def display_warning(self, message: str) -> None:
        self.warnings.append(message)


def _fail(*_: object, **__: object) -> None:
    raise _ERROR


def _build_wheel() -> tuple[list[str], dict[str, Any]]:
    """Run the hook for a wheel; return its warnings and what it adds."""
    app = _App()
    added: dict[str, Any] = {"force_include": {}}
    hook = hatch_build.KernelBuildHook(str(ROOT), {}, None, None, str(ROOT), "wheel", app)  # type: ignore[arg-type]
    hook.initialize("standard", added)
    return app.warnings, added


@pytest.mark.parametrize("build", [lambda _: None, _fail])
def test_a_kernel_that_cannot_be_built_leaves_no_older_one(
    build: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / hatch_build.FOLDER
    folder.mkdir(parents=True)
    (folder / "libkernel.so").touch()
    monkeypatch.setattr(hatch_build, "ROOT", tmp_path)
    monkeypatch.setattr(hatch_build, "find_target", lambda: "x86_64-linux-musl")
    monkeypatch.setattr(hatch_build, "find_library", build)
    assert hatch_build.main() == 1
    assert list(folder.iterdir()) == []


def test_make_kernel_deletes_an_older_one_though_the_compiler_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / ".made").touch()
    (tmp_path / "python").write_text(f"#!/bin/sh\necho \"$@\" > '{tmp_path}/ran'\n", "utf-8")
    (tmp_path / "python").chmod(0o755)
    given = [f"VENV={tmp_path}", f"BIN={tmp_path}", "PIP=false", f"ZIG={tmp_path}/none"]
    subprocess.run(["make", "-s", "-o", f"{tmp_path}/.made", "kernel", *given], cwd=ROOT, check=True)
    assert (tmp_path / "ran").read_text("utf-8") == "hatch_build.py\n"


def test_the_digest_of_the_sources_changes_with_each_of_them_and_with_the_meaning_of_records(tmp_path: Path) -> None:
    domain = tmp_path / "domain"
    shutil.copytree(ROOT / hatch_build.DOMAIN, domain, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    before = digest_sources(domain)
    assert before == digest_sources() == hatch_build.digest_sources()
    identify, scanner = domain / "dialects/inovafarma/identify.py", domain / "native/scanner.zig"
    identify.write_text(identify.read_text("utf-8") + "# a comment\n", "utf-8")
    assert digest_sources(domain) == before
    identify.write_text(re.sub(r"(?m)^VERSION = \d+", "VERSION = 99", identify.read_text("utf-8")), "utf-8")
    later = digest_sources(domain)
    scanner.write_text(scanner.read_text("utf-8") + "\n", "utf-8")
    assert len({before, later, digest_sources(domain)}) == 3
    for path in domain.rglob("*.zig"):
        path.unlink()
    assert digest_sources(domain) is None


def test_a_library_of_other_compile_options_is_not_taken_from_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = hatch_build.find_cached("x86_64-linux-musl")
    (tmp_path / "hatch_build.py").write_text("options = []", "utf-8")
    monkeypatch.setattr(hatch_build, "__file__", str(tmp_path / "hatch_build.py"))
    assert hatch_build.find_cached("x86_64-linux-musl") != before


def test_a_compiler_that_fails_leaves_no_unfinished_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(command: list[str], **_: object) -> None:
        output = next(each for each in command if each.startswith("-femit-bin="))
        Path(output.partition("=")[2]).touch()
        raise _ERROR

    monkeypatch.setattr(hatch_build, "find_spec", lambda _: object())
    monkeypatch.setattr("subprocess.run", run)
    with pytest.raises(subprocess.CalledProcessError):
        hatch_build.compile_kernel("x86_64-linux-musl", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_that_does_not_compile_ends_only_the_build_of_a_named_platform(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hatch_build, "compile_kernel", _fail)
    monkeypatch.setattr(hatch_build, "find_target", lambda: "x86_64-linux-musl")
    monkeypatch.delenv("KERNEL_TARGET", raising=False)
    warnings, added = _build_wheel()
    assert added == {"force_include": {}} and "does not compile" in warnings[0]
    monkeypatch.setenv("KERNEL_TARGET", "aarch64-linux-musl")
    with pytest.raises(subprocess.CalledProcessError):
        _build_wheel()


def test_an_unknown_platform_is_refused_before_anything_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hatch_build, "compile_kernel", lambda *_: pytest.fail("compiled"))
    monkeypatch.setenv("KERNEL_TARGET", "sparc-solaris")
    with pytest.raises(ValueError, match="sparc-solaris"):
        _build_wheel()


def test_the_image_is_built_without_the_library_of_this_machine() -> None:
    assert "**/libkernel.*" in (ROOT / ".dockerignore").read_text("utf-8").split()


@pytest.mark.parametrize("target", hatch_build.TARGETS)
def test_no_library_has_the_folder_of_its_build(target: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Libraries for Windows hold the name of the emitted file, those for macOS its path unless they are named."""
    emitted: list[Path] = []

    def run(command: list[str], **_: object) -> None:
        emitted.append(Path(next(each for each in command if each.startswith("-femit-bin=")).partition("=")[2]))
        emitted[-1].touch()
        assert ("-install_name" in command) == ("macos" in target)

    monkeypatch.setattr(hatch_build, "find_spec", lambda _: object())
    monkeypatch.setattr("subprocess.run", run)
    libraries = [hatch_build.compile_kernel(target, tmp_path / name) for name in ("one", "another")]
    assert len({path.name for path in emitted}) == 1 and all(path and path.is_file() for path in libraries)
    assert [len(list((tmp_path / name).iterdir())) for name in ("one", "another")] == [1, 1]
