"""Commands of the command line against the hub of this process, without a port."""

import asyncio
import io
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import typer
from rich.console import Console

from integrahub.cli import app as command_line
from integrahub.tools.terminal import output
from tests.integration.conftest import ADMIN, Client


@dataclass(frozen=True, slots=True)
class Shown:
    """Output and exit code of a command."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class _Bridge(httpx2.BaseTransport):
    """Transport from a command, which runs in a thread, to the application in the test's event loop."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        self._client, self._loop = client, loop

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return asyncio.run_coroutine_threadsafe(self._asked(request, request.read()), self._loop).result(60)

    async def _asked(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        asked = self._client.http.build_request(
            request.method, request.url.raw_path.decode(), content=body, headers=request.headers
        )
        answer = await self._client.http.send(asked)
        kept = {name: value for name, value in answer.headers.items() if name != "content-encoding"}
        return httpx2.Response(answer.status_code, headers=kept, content=answer.content)


@dataclass
class CommandLine:
    """Runs commands as in a terminal of `columns` columns or, by default, in a pipe."""

    client: Client
    monkeypatch: pytest.MonkeyPatch

    async def __call__(self, *arguments: str, columns: int | None = None, typed: str = "") -> Shown:
        real, bridge = httpx2.Client, _Bridge(self.client, asyncio.get_running_loop())

        def bridged(**given: Any) -> httpx2.Client:
            return real(**{name: value for name, value in given.items() if name != "verify"}, transport=bridge)

        with self.monkeypatch.context() as patched:
            out, err = io.StringIO(), io.StringIO()
            terminal: dict[str, Any] = {"highlight": False, "force_terminal": bool(columns), "width": columns}
            patched.setattr(output, "OUT", Console(file=out, **terminal))
            patched.setattr(output, "ERRORS", Console(file=err, **terminal))
            patched.setattr("sys.stderr", err)
            patched.setattr("sys.stdin", io.StringIO(typed))
            patched.setattr(httpx2, "Client", bridged)
            patched.setenv("INTEGRAHUB_KEY", ADMIN)
            patched.setattr("sys.argv", ["integrahub", *arguments])
            code = await asyncio.to_thread(command_line.main)
        return Shown(code, out.getvalue(), err.getvalue())


@pytest.fixture
def verb(client: Client, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return a command line whose hub is the client's."""
    return CommandLine(client, monkeypatch)


def listing_verbs() -> set[str]:
    """Return every command that prints a table: those with an option for all columns."""
    return {name for name, options in _verbs(typer.main.get_command(command_line.app)) if "wide" in options}


def _verbs(command: Any, prefix: str = "") -> list[tuple[str, set[str]]]:
    children: dict[str, Any] = getattr(command, "commands", {})
    own = [] if children else [(prefix.strip(), {parameter.name for parameter in command.params})]
    return own + [found for name, child in children.items() for found in _verbs(child, f"{prefix} {name}")]
