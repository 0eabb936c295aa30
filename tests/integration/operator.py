"""A person who follows an entry of the runbook on the hub of this process."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from tests.forked import run_forked
from tests.integration.command_line import CommandLine, Shown
from tests.integration.conftest import CNPJ
from tests.runbook_entry import FollowedEntry


@dataclass(frozen=True, slots=True)
class Operator:
    """Runs the commands of an entry; `words` are what the person fills in."""

    verb: CommandLine
    entry: str

    async def run(self, command: str, typed: str = "", code: int = 0, **words: str) -> Shown:
        """Run a command that stands in the entry, and check its exit code."""
        arguments = FollowedEntry(self.entry).command(command, **{"CNPJ": CNPJ} | words)
        return await self._run(arguments, typed, code)

    async def diagnose(self, code: int) -> dict[str, str]:
        """Run `integrahub doctor`, which stands in the entry, and return the status and message of each check."""
        shown = await self._run([*FollowedEntry(self.entry).command("doctor"), "--json"], "", code)
        return {one["check"]: f"{one['status']}: {one['message']}" for one in json.loads(shown.out)}

    async def _run(self, arguments: list[str], typed: str, code: int) -> Shown:
        shown = await self.verb(*arguments, typed=typed)
        assert shown.code == code, shown.out + shown.err
        return shown

    def expect(self, *texts: str) -> None:
        """Check that the entry has what the test does or sees besides its commands."""
        FollowedEntry(self.entry).expect(*texts)


async def run_psql(entry: str, command: str, url: str, **words: str) -> str:
    """Run `integrahub psql` as an entry writes it, in a process of its own, and return its output."""
    arguments = FollowedEntry(entry).command(command, **words)
    environment = {"INTEGRAHUB_DATABASE_URL": url, "PATH": "/usr/bin:/bin"}
    done = await asyncio.to_thread(run_forked, ["integrahub", *arguments], environment, Path.cwd())
    assert done.returncode == 0, done.stderr
    return done.stdout
