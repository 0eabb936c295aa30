"""`integrahub runbook` prints entries without a hub."""

import json
from contextvars import copy_context

import pytest
from typer.testing import CliRunner, Result

from integrahub.cli.app import app


def _run(*arguments: str) -> Result:
    # In a context of its own: `--lang` chooses a language for the rest of it.
    run = copy_context().run
    return run(CliRunner().invoke, app, ["runbook", *arguments], env={"LANG": "C", "LC_ALL": "C"})


def test_all_entries_are_listed_in_the_language_of_the_option() -> None:
    listed = json.loads(_run("--json").output)
    assert len(listed) > 50
    assert {"entry": "restart-workers", "page": "processes", "title": "Restart workers"} in listed
    assert "Reiniciar os workers" in _run("--lang", "pt").output


def test_an_entry_is_printed_by_its_name_and_an_alert_in_any_case() -> None:
    assert "integrahub fleet restart" in _run("restart-workers").output
    alert = _run("IntegraHubDown")
    assert alert.exit_code == 0 and alert.output.startswith("## IntegraHubDown")


@pytest.mark.parametrize(
    ("name", "nearest"), [("restart-worker", "restart-workers"), ("integrahubdwn", "integrahubdown")]
)
def test_an_unknown_entry_is_wrong_usage_and_the_nearest_is_named(name: str, nearest: str) -> None:
    refused = _run(name)
    assert refused.exit_code == 2 and nearest in refused.output
