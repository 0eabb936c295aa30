"""Tables of listing commands at 80 columns, at 170 and in a pipe; clients' text cannot control a terminal."""

import asyncio
import json
import re

import pytest
from rich.cells import cell_len

from integrahub.db.accounts import users
from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.db.embedded.logins import url_as
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.events import CHUNKS_READY
from integrahub.domain.people.roles import Role
from tests.integration.command_line import CommandLine, listing_verbs, verb
from tests.integration.conftest import Client
from tests.integration.test_flow import product

__all__ = ["verb"]
_EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202etxt.exe\r\n" * 3
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
# What identifies a row: always printed whole, so that it can be copied.
_IDS = {
    "batch list": "batch_id",
    "batch errors": "position",
    "key list": "id",
    "pharmacy list": "cnpj",
    "dead list": "id",
    "dead groups": "fingerprint",
    "dead replays": "id",
    "user list": "id",
    "audit": "id",
}
_ELSEWHERE = {"fleet status"}  # reads a folder, not the API; tested with the fleet


def test_every_listing_verb_is_tested_here() -> None:
    assert listing_verbs() == set(_IDS) | _ELSEWHERE


@pytest.fixture
async def batch_id(client: Client, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Create a batch with rejected records, a dead letter that failed again, and a person; all with hostile text."""
    await client.admin("PUT", "/admin/pharmacies/05927228000145", {"name": f"Farmácia {_EVIL}", "city": "São Luís" * 9})
    batch = await client.load([product(1), product(2) | {"PRICE": _EVIL}, product(3) | {"PRICE": "x" * 300}])
    await client.hub.bus.publish(CHUNKS_READY, [f"not json {_EVIL}".encode()])
    first = await _open_letter(client, 0)
    assert (await client.hub.bulk_replays().start_checked(f"Ana {_EVIL}", DeadLetterFilters(), 10)).asked == 1
    await _open_letter(client, first)
    monkeypatch.setenv("INTEGRAHUB_DATABASE_URL", url_as(database_url, DatabaseRole.CONSOLE))
    assert await users.add(client.hub.database, f"Ana {_EVIL}", Role.ADMIN, _EVIL)
    return str(batch["batch_id"])


async def _open_letter(client: Client, earlier: int) -> int:
    """Wait until one dead letter is open, later than an `earlier` one, and return its id."""
    async with asyncio.timeout(20):
        while True:
            letters = (await client.admin("GET", "/v1/dead-letters?settled=false"))["items"]
            if len(letters) == 1 and letters[0]["id"] > earlier:
                return int(letters[0]["id"])
            await asyncio.sleep(0.02)


async def test_tables_are_whole_and_harmless(client: Client, verb: CommandLine, batch_id: str) -> None:
    for name, identity in _IDS.items():
        arguments = [*name.split(), *([batch_id] if name == "batch errors" else [])]
        rows = json.loads((await verb(*arguments, "--json")).out)
        assert rows, name
        for columns in (80, 170, None):
            shown = await verb(*arguments, columns=columns)
            lines = [_STYLE.sub("", line) for line in shown.lines]
            assert shown.code == 0 and len(lines) == len(rows) + 1, (name, columns, shown.out)
            assert columns is None or max(map(cell_len, lines)) <= columns, (name, columns)
            for row, line in zip(rows, lines[1:], strict=True):
                assert re.search(rf"(?:^|\s){re.escape(str(row[identity]))}(?:\s|$)", line), (name, columns, line)
            text = _STYLE.sub("", shown.out + shown.err) if columns else shown.out + shown.err
            assert not set(text) & set("\x1b\x07\x9b\u202e\r"), (name, columns)
        assert len((await verb(*arguments)).lines[0].split()) >= len(
            (await verb(*arguments, columns=80)).lines[0].split()
        )
        assert (await verb(*arguments, "--wide", columns=80)).lines[1:] == (await verb(*arguments)).lines[1:]


async def test_one_thing_is_shown_whole_and_harmless(client: Client, verb: CommandLine, batch_id: str) -> None:
    letter = (await client.admin("GET", "/v1/dead-letters"))["items"][0]["id"]
    for arguments in (
        ("batch", "show", batch_id),
        ("pharmacy", "show", "05927228000145"),
        ("dead", "show", str(letter)),
    ):
        for columns in (80, None):
            shown = await verb(*arguments, columns=columns)
            text = _STYLE.sub("", shown.out) if columns else shown.out
            assert shown.code == 0 and not set(text) & set("\x1b\x07\x9b\u202e\r"), arguments
            assert arguments[2] in text.split()
    as_json = (await verb("pharmacy", "show", "05927228000145", "--json")).out
    assert json.loads(as_json)["name"] == f"Farmácia {_EVIL}" and not set(as_json) & set("\x1b\x9b\u202e")
