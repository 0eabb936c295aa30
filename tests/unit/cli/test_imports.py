"""A process imports only what it runs, so that processes and commands start fast."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from integrahub.cli.app import app
from integrahub.cli.verbs import VERBS

_PROGRAM = """
import json, sys
from integrahub.cli import main
sys.argv = ["integrahub", *json.loads(sys.argv[1])]
try:
    main()
except SystemExit:
    pass
print("imported", json.dumps(sorted(sys.modules)))
"""
_SERVING = {"fastapi", "starlette", "uvicorn", "integrahub.api"}
_STORING = {"psycopg", "integrahub.db.database", "integrahub.hub.hub", "integrahub.pipeline", "zstandard", "pyroaring"}
_RUNNING = {"integrahub.worker.process", "integrahub.supervisor.main", "structlog", "prometheus_client", "uvloop"}
_ASKING = {
    "integrahub.client",
    "integrahub.cli.commands.batch",
    "integrahub.cli.commands.send",
    "integrahub.cli.commands.doctor",
}
_TRYING = {"integrahub.tools.demo.run", "integrahub.tools.loadtest", "integrahub.tools.devservices.embedded_hub"}
_RARE = {
    "boto3",
    "confluent_kafka",
    "obstore",
    "cryptography",
    "integrahub.secrets.development_certificate",
    "jsonschema",
}
_SETTINGS = {"pydantic", "pydantic_settings", "integrahub.settings.model", "httpx2", "rich", "asyncio"}
_EVERYWHERE = _RARE | _TRYING


def _imported(tmp_path: Path, *arguments: str, **settings: str) -> set[str]:
    """Return the modules imported when the command ends, which it does soon without a hub, database or TLS."""
    given = {f"INTEGRAHUB_{name}": value for name, value in settings.items()}
    plain = {name: value for name, value in os.environ.items() if not name.startswith("INTEGRAHUB_")}
    environment = plain | {"INTEGRAHUB_DATA_DIR": str(tmp_path), **given}
    command = [sys.executable, "-c", _PROGRAM, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return set(json.loads(done.stdout.rpartition("imported ")[2]))


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_what_is_told_of_the_command_imports_no_verb(tmp_path: Path, option: str) -> None:
    unwanted = (
        _SERVING | _STORING | _RUNNING | _ASKING | _SETTINGS | _EVERYWHERE | {"integrahub.cli.commands.processes"}
    )
    assert _imported(tmp_path, option) & unwanted == set()


def test_a_verb_that_asks_a_hub_imports_nothing_of_the_hub(tmp_path: Path) -> None:
    found = _imported(tmp_path, "batch", "list", URL="http://127.0.0.1:9")
    hub = _STORING - {"zstandard"}  # the client compresses with it
    assert found & (_SERVING | hub | _RUNNING | _EVERYWHERE | {"integrahub.cli.commands.doctor"}) == set()
    assert "integrahub.client" in found


def test_a_worker_imports_neither_the_api_nor_other_verbs(tmp_path: Path) -> None:
    found = _imported(tmp_path, "work", "split")
    assert found & (_SERVING | _ASKING | _EVERYWHERE | {"integrahub.supervisor", "httpx2"}) == set()
    assert "integrahub.worker.process" in found


def test_an_api_imports_neither_the_worker_nor_other_verbs(tmp_path: Path) -> None:
    found = _imported(tmp_path, "api")
    assert found & (_ASKING | _EVERYWHERE | {"integrahub.supervisor", "integrahub.worker.process"}) == set()
    assert "integrahub.web.server" in found


def test_a_fleet_imports_neither_the_api_nor_the_worker(tmp_path: Path) -> None:
    found = _imported(tmp_path, "up", HOST="0.0.0.0")
    assert found & (_SERVING | _ASKING | _EVERYWHERE | {"integrahub.worker.process"}) == set()
    assert "integrahub.supervisor.main" in found


def test_the_list_of_verbs_says_what_each_says_of_itself() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {name: command.short_help for name, command in commands.items()} == {
        name: verb.summary for name, verb in VERBS.items()
    }
    assert [name for name, command in commands.items() if command.name != name] == []
