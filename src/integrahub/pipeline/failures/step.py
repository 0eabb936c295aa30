"""Failures: dead letters are counted under their fingerprints, so that a person sees causes, not cases."""

import msgspec
import structlog

from integrahub.db.chunks import dead_letters
from integrahub.db.database import Database
from integrahub.domain.events import DeadMessage

_log = structlog.get_logger()


class GroupFailures:
    """Group whatever is not grouped yet. Safe to repeat: each letter is counted once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, message: bytes) -> None:
        """A `chunks.failed` says that there is something to group; what, the table knows."""
        for fingerprint, count in (await dead_letters.group_new(self._database)).items():
            _log.error("a failure has occurred", action="group_failures", fingerprint=fingerprint, count=count)


class StoreDeadLetters:
    """Keep a message that was given up as a dead letter, where a person finds it. Safe to repeat."""

    def __init__(self, database: Database, failures: GroupFailures) -> None:
        self._database = database
        self._failures = failures

    async def __call__(self, message: bytes) -> None:
        """A `messages.dead`."""
        await dead_letters.add_message(self._database, msgspec.json.decode(message, type=DeadMessage))
        await self._failures(message)
