"""A build that takes too long ends with all of its processes."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from website import build


def test_a_build_that_takes_too_long_leaves_no_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[subprocess.Popen[str]] = []

    def start(*_: object) -> "subprocess.Popen[str]":
        started.append(subprocess.Popen(["sleep", "60"], stdout=subprocess.PIPE, text=True))
        return started[-1]

    monkeypatch.setattr(build, "stage_all", lambda *_: [SimpleNamespace(language=name) for name in ("en", "pt-BR")])
    monkeypatch.setattr(build, "_start", start)
    monkeypatch.setattr(build, "_TIMEOUT_SECONDS", 0.01)
    with pytest.raises(subprocess.TimeoutExpired):
        build.build(tmp_path / "site", tmp_path / "work", None)
    assert [process.returncode for process in started] == [-9, -9]
