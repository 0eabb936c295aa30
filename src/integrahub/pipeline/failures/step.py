"""Failure steps: count dead letters by cause, and store messages that a worker could not process."""

import msgspec
import structlog

from integrahub.db.chunks import dead_letters
from integrahub.db.database import Database
from integrahub.domain.events import DeadMessage

_log = structlog.get_logger()


class GroupFailures:
    """Counts new dead letters in their failure groups. A message may come twice: each dead letter is counted once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, message: bytes) -> None:
        """Count all dead letters that are new. The content of the `chunks.failed` message does not matter."""
        for fingerprint, count in (await dead_letters.group_new(self._database)).items():
            _log.error(
                "failure group has new dead letters", action="group_failures", fingerprint=fingerprint, count=count
            )


class StoreDeadLetters:
    """Stores dead messages as dead letters. A message may come twice: its dead letter is inserted once."""

    def __init__(self, database: Database, group_failures: GroupFailures) -> None:
        self._database = database
        self._group_failures = group_failures

    async def __call__(self, message: bytes) -> None:
        """Store the message of a `messages.dead` event, and count it by cause."""
        await dead_letters.add_message(self._database, msgspec.json.decode(message, type=DeadMessage))
        await self._group_failures(message)
