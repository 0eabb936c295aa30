"""Misuse of any command prints a sentence and exits with 1 or 2, without a traceback."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from integrahub.cli import main
from integrahub.cli.app import app

_CLOSED = "http://127.0.0.1:9"
_AWAY = "postgresql://somebody:hidden@127.0.0.1:9/name"
# These start processes or print what needs no hub; they are tried as processes below.
_OTHERS = {"up", "demo", "api", "console", "work", "fleet", "openapi", "load"}
_ODD = ("", "../x", "ção", "\x1b[2J", "9" * 400)


def _leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group) or hasattr(command, "commands"):
        for name, inner in command.commands.items():  # type: ignore[attr-defined]
            if name not in _OTHERS:
                yield from _leaves(inner, (*path, name))
    else:
        yield path, command


_VERBS = [
    (path, [p for p in verb.params if p.param_type_name == "argument"])
    for path, verb in _leaves(typer.main.get_command(app))
]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("INTEGRAHUB_URL", _CLOSED)
    mask = os.umask(0o077)
    yield
    os.umask(mask)


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["integrahub", *arguments])
    return main()


@pytest.mark.parametrize(("path", "taken"), _VERBS, ids=[" ".join(path) for path, _ in _VERBS])
def test_odd_arguments_of_any_verb(
    path: tuple[str, ...], taken: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = [(), ("--no-such-option",), *((odd,) * max(len(taken), 1) for odd in _ODD)]
    for arguments in asked:
        code = _run(monkeypatch, *path, *arguments)
        shown = capsys.readouterr()
        told = shown.out + shown.err
        needs_none = not any(argument.required for argument in taken)
        assert code in (1, 2) or (needs_none and not arguments), (arguments, code, told)
        assert "Traceback" not in told and told.strip(), arguments


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("INTEGRAHUB_URL", "http://127.0.0.1:abc", "INTEGRAHUB_URL"),
        ("INTEGRAHUB_URL", "http://[::1", "INTEGRAHUB_URL"),
        ("INTEGRAHUB_URL", "127.0.0.1:8000", "INTEGRAHUB_URL"),
        ("DATABASE_URL", "mysql://somebody:hidden@host/name", "INTEGRAHUB_DATABASE_URL"),
        ("INTEGRAHUB_CHUNK_SIZE", "abc", "INTEGRAHUB_CHUNK_SIZE"),
        ("INTEGRAHUB_KEY", "ção", "INTEGRAHUB_KEY"),
    ],
)
@pytest.mark.parametrize("verb", [("batch", "list"), ("migrate",), ("verify", "05927228000145"), ("top", "--once")])
def test_odd_settings(
    verb: tuple[str, ...],
    name: str,
    value: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert _run(monkeypatch, *verb) == 2
    shown = capsys.readouterr().err
    assert told in shown and "hidden" not in shown


_VERBS_OF_ONE = [
    ("batch", "show"),
    ("batch", "errors"),
    ("dead", "replays"),
    ("dead", "stop"),
    ("pharmacy", "show"),
    ("key", "revoke"),
]


@pytest.mark.parametrize("id_", ["", " ", "a?b", "..", "?x=1"])
@pytest.mark.parametrize("verb", _VERBS_OF_ONE)
def test_an_id_that_is_none_is_wrong_usage(verb: tuple[str, ...], id_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, *verb, id_) == 2


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _process(*arguments: str, out: Any = subprocess.PIPE, **environment: str) -> "subprocess.CompletedProcess[str]":
    own = {name: value for name, value in os.environ.items() if not name.startswith("INTEGRAHUB_")} | environment
    command = [sys.executable, "-m", "integrahub", *arguments]
    return subprocess.run(command, env=own, stdout=out, stderr=subprocess.PIPE, text=True, errors="replace", timeout=60)


def test_a_database_that_is_away_ends_up_with_a_sentence(tmp_path: Path) -> None:
    kept = {"INTEGRAHUB_DATA_DIR": str(tmp_path / "kept"), "INTEGRAHUB_PORT": str(_free_port())}
    done = _process("up", DATABASE_URL=_AWAY, **kept)
    told = done.stderr + done.stdout
    assert done.returncode == 1
    assert "Traceback" not in told and "exc_type" not in told and "hidden" not in told and "refused" in told


@pytest.mark.parametrize("verb", ["api", "console", "fleet"])
@pytest.mark.parametrize("extra", [(), ("--no-such-option",)])
def test_a_process_without_a_database_or_with_odd_options_ends_with_a_sentence(
    verb: str, extra: tuple[str, ...], tmp_path: Path
) -> None:
    done = _process(verb, *extra, INTEGRAHUB_DATA_DIR=str(tmp_path), INTEGRAHUB_LOG_FORMAT="text")
    assert done.returncode == (2 if extra else 1), done.stderr
    assert "Traceback" not in done.stderr and (extra[0] if extra else "DATABASE_URL is not set") in done.stderr


@pytest.mark.parametrize("verb", [("migrate",), ("verify", "05927228000145")])
def test_a_database_that_is_away_is_a_sentence(
    verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", _AWAY)
    assert _run(monkeypatch, *verb) == 1
    told = capsys.readouterr().err
    assert "somebody@127.0.0.1:9/name does not answer" in told and "hidden" not in told


def test_an_output_of_few_characters_gets_escapes(tmp_path: Path) -> None:
    odd = {"PYTHONIOENCODING": "ascii", "INTEGRAHUB_DATA_DIR": str(tmp_path / "ção")}
    done = _process("doctor", INTEGRAHUB_PORT=str(_free_port()), **odd)
    assert done.returncode == 0 and "Traceback" not in done.stderr and "\\xe7\\xe3o" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_an_output_that_is_full_and_one_that_is_closed_are_no_tracebacks() -> None:
    with open("/dev/full", "w") as full:
        done = _process("openapi", out=full)
    assert done.returncode == 1 and done.stderr.startswith("The output cannot be read or written: No space left")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        done = _process("openapi", out=broken)
    assert (done.returncode, done.stderr) == (1, "")
