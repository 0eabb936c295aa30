"""`integrahub user` on the database of a hub."""

import json
import re
import socket
from pathlib import Path

import pytest

from integrahub.db.accounts import users
from integrahub.db.database import Database
from integrahub.db.embedded.logins import url_as
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.people.roles import Role
from integrahub.settings.model import Settings
from integrahub.supervisor.state_file import publish_state
from tests.integration.command_line import CommandLine, verb

__all__ = ["verb"]


@pytest.fixture(autouse=True)
def _console_login(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("INTEGRAHUB_DATABASE_URL", url_as(database_url, DatabaseRole.CONSOLE))


def _token(output: str) -> str:
    found = re.search(r"/console/welcome\?token=(\S+)", output)
    assert found
    return found[1].rstrip('",')


async def test_a_person_is_added_listed_changed_reset_and_removed(verb: CommandLine, database: Database) -> None:
    assert "No people yet" in (await verb("user", "list")).out
    added = await verb("user", "add", "Ana Souza", "--role", "admin", "--url", "https://hub.example")
    assert added.code == 0 and "https://hub.example/console/welcome?token=" in added.out
    assert await users.use_link(database, _token(added.out), "$argon2id$x")
    assert (await verb("user", "add", "Bia", "--role", "admin", "--json")).code == 0
    changed = await verb("user", "set", "bia", "--role", "viewer", "--email", "bia@example.com")
    assert changed.code == 0 and "viewer" in changed.out
    (ana, bia) = json.loads((await verb("user", "list", "--json")).out)
    assert (ana["name"], bia["role"], bia["email"]) == ("Ana Souza", "viewer", "bia@example.com")
    reset = await verb("user", "reset", f"#{bia['id']}")
    assert await users.find_by_link(database, _token(reset.out))
    assert (await verb("user", "remove", "Bia")).code == 0
    assert len(json.loads((await verb("user", "list", "--json")).out)) == 1
    erased = await verb("user", "remove", f"#{bia['id']}", "--erase", "--yes")
    assert erased.code == 0 and f"usuário {bia['id']}" in erased.out and "Bia" not in erased.out


async def test_what_cannot_be_done_to_a_person_is_refused_with_its_reason(
    verb: CommandLine, database: Database
) -> None:
    await verb("user", "add", "Ana", "--role", "admin")
    last = await users.find_by_name(database, "Ana")
    assert last
    await users.set_password(database, last.id, "$argon2id$x")
    refused = {
        ("add", "ANA", "--role", "viewer"): "already",
        ("add", "x" * 65, "--role", "viewer"): "64 characters",
        ("set", "Ana", "--role", "viewer"): "last administrator",
        ("remove", "Ana"): "last administrator",
        ("reset", "Bia"): "no person",
        ("set", "Ana", "--email", "nothing"): "ana@example.com",
        ("set", "Ana"): "--name, --role or --email",
    }
    for arguments, reason in refused.items():
        shown = await verb("user", *arguments)
        assert shown.code != 0 and reason in " ".join(shown.err.split()), arguments
    (only,) = await users.list_all(database)
    assert (only.role, only.email) == (Role.ADMIN, "")


async def test_acts_of_the_command_line_are_in_the_audit_log_without_the_link(
    verb: CommandLine, database: Database
) -> None:
    token = _token((await verb("user", "add", "Ana", "--role", "admin")).out)
    async with database.transaction() as connection:
        query = "SELECT actor, audit_log::text AS entry FROM audit_log WHERE action = 'user.add'"
        row = await (await connection.execute(query)).fetchone()
    assert row and row["actor"] == "command line" and token not in row["entry"]


async def test_a_link_leads_to_the_port_of_the_hub_that_runs_on_the_folder(verb: CommandLine, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, port=8123)
    with socket.create_server(("127.0.0.1", 0)) as probe, publish_state(settings, probe):
        added = await verb("user", "add", "Ana", "--role", "admin", "--data", str(tmp_path))
    assert "http://127.0.0.1:8123/console/welcome?token=" in added.out
    stopped = await verb("user", "reset", "Ana", "--data", str(tmp_path))
    assert f"{Settings().own_url}/console/welcome?token=" in stopped.out and ":8123" not in stopped.out


async def test_the_login_of_a_worker_changes_no_people(
    verb: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTEGRAHUB_DATABASE_URL", url_as(database_url, DatabaseRole.WORKER))
    shown = await verb("user", "add", "Ana", "--role", "admin")
    assert shown.code != 0 and "integrahub_console" in shown.err
