"""`--help` of every command describes it in whole sentences, with all options and an example."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from integrahub import __version__
from integrahub.cli.app import app
from integrahub.cli.relative_times import parse_time
from integrahub.domain.steps import STEPS

_OFFLINE = {
    "receipt",
    "runbook",
    "up",
    "demo",
    "verify",
    "backup",
    "restore",
    "psql",
    "doctor",
    "user",
    "api",
    "console",
    "work",
    "migrate",
    "openapi",
    "topics",
    "lifecycle",
    "fleet",
}
_OWN_HUB = {("load", "soak")}  # it fails parts of a hub, so it starts one of its own


def _verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield (*path, name), child
        yield from _verbs(child, (*path, name))


_ALL = list(_verbs(typer.main.get_command(app)))


def _help(*path: str) -> str:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80", "TERM": "dumb"})
    assert shown.exit_code == 0
    return shown.output


def test_lists_of_verbs_are_never_cut() -> None:
    groups = [path for path, command in _ALL if getattr(command, "commands", None)]
    assert len(groups) > 5
    assert [path for path in [(), *groups] if "..." in _help(*path).partition("Commands:")[2]] == []


def test_every_verb_has_an_example_and_names_what_options_take() -> None:
    leaves = [(path, command) for path, command in _ALL if not getattr(command, "commands", None)]
    shown = {path: _help(*path) for path, _ in leaves}
    assert [path for path, text in shown.items() if f"Example: integrahub {' '.join(path)}" not in _joined(text)] == []
    assert [path for path, text in shown.items() if "<int range>" in text or "<list[str]>" in text] == []


def _joined(text: str) -> str:
    """Return the text on one line, without a setting before the example's command."""
    return re.sub(r"Example: INTEGRAHUB_\S+ ", "Example: ", " ".join(text.split()))


def test_every_verb_that_asks_a_hub_takes_its_address_and_key() -> None:
    asking = [
        (path, {option for parameter in command.params for option in parameter.opts})
        for path, command in _ALL
        if path[0] not in _OFFLINE and path not in _OWN_HUB and not getattr(command, "commands", None)
    ]
    assert len(asking) > 20
    assert [path for path, options in asking if not {"--url", "--key"} <= options] == []


def test_work_names_every_step() -> None:
    assert all(step in _help("work") for step in STEPS)


def test_the_version_is_told_and_completion_can_be_installed() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.strip() == f"integrahub {__version__}"
    assert "--install-completion" in _help()


def test_a_time_is_a_date_a_moment_or_so_long_ago() -> None:
    assert parse_time(None) is None
    assert parse_time("2026-03-01T10:00:00+00:00") is not None
    ago, earlier = parse_time("2h"), parse_time("7d")
    assert ago and earlier and earlier < ago
    with pytest.raises(typer.BadParameter, match="gestern"):
        parse_time("gestern")
