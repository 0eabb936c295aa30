"""An act whose process is lost leaves an entry in the audit log that says so."""

import asyncio
import sys

from integrahub.domain.people.roles import Role
from tests.console.hub import ConsoleHub

_ACT = """
import asyncio, os, signal, sys
from integrahub.access.audit import Audit
from integrahub.db.database import Database
from integrahub.domain.api_keys import Caller

async def act():
    database = Database(sys.argv[1], size=1)
    await database.open()
    caller = Caller(None, name="Ana", address="10.0.0.1", user_id=1)
    async with Audit(database).action(caller, "batch.cancel", "b", {"x": 1}):
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(act())
"""


async def test_a_process_killed_in_the_middle_of_an_act_leaves_an_entry_that_says_so(
    console: ConsoleHub, database_url: str
) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _ACT, database_url)
    assert await process.wait() == -9
    page = await (await console.browser(Role.VIEWER)).get("/console/audit", action="batch.cancel")
    assert "Ana" in page.text and "running, or its process was lost" in page.text
