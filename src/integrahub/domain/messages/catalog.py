"""Catalogue of messages by code: those of requests and batches, and those of records."""

from collections.abc import Mapping

from integrahub.domain.messages.batches import BATCH_MESSAGES
from integrahub.domain.messages.bodies import BODY_MESSAGES
from integrahub.domain.messages.console import CONSOLE_MESSAGES
from integrahub.domain.messages.message import Message, format_message
from integrahub.domain.messages.records import RECORD_MESSAGES
from integrahub.domain.messages.requests import REQUEST_MESSAGES
from integrahub.domain.messages.security import SECURITY_MESSAGES
from integrahub.domain.messages.webhooks import WEBHOOK_MESSAGES

MESSAGES: dict[str, Message] = {
    **(SECURITY_MESSAGES | REQUEST_MESSAGES | BODY_MESSAGES),
    **(BATCH_MESSAGES | WEBHOOK_MESSAGES | CONSOLE_MESSAGES),
}


def render_message(code: str, facts: Mapping[str, object]) -> Message:
    """Return the message of a code with its facts. Raise KeyError for an unknown code or a missing fact."""
    return format_message(MESSAGES[code], facts)


def record_message(code: str) -> Message:
    """Return the message of a record's issue, or the code itself if the code is unknown."""
    return RECORD_MESSAGES.get(code, Message(code, code))
