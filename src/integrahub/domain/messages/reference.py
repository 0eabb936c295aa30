"""Reference of all error codes, for the page that the API serves and the one in the documentation."""

from collections.abc import Iterator
from typing import NamedTuple

from integrahub.domain.messages.batches import BATCH_MESSAGES
from integrahub.domain.messages.bodies import BODY_MESSAGES
from integrahub.domain.messages.console import CONSOLE_MESSAGES
from integrahub.domain.messages.message import Message
from integrahub.domain.messages.records import RECORD_MESSAGES
from integrahub.domain.messages.requests import REQUEST_MESSAGES
from integrahub.domain.messages.security import SECURITY_MESSAGES
from integrahub.domain.messages.statuses import is_retryable, status_of
from integrahub.domain.messages.webhooks import WEBHOOK_MESSAGES

_NO_CODES = ("check_", "key_shown_once")  # texts of answers that are not errors
_SECTIONS: list[tuple[Message, dict[str, Message]]] = [
    (Message("Chaves, escopos e limites", "Keys, scopes and limits"), SECURITY_MESSAGES),
    (Message("Requisições", "Requests"), REQUEST_MESSAGES),
    (Message("Corpos que não são um catálogo", "Bodies that are not a catalogue"), BODY_MESSAGES),
    (
        Message(
            "Lotes: falhas, desativações retidas, decisões e reprocessamentos recusados",
            "Batches: failures, held deactivations, refused decisions and replays",
        ),
        BATCH_MESSAGES,
    ),
    (
        Message(
            "Webhooks: destinos recusados, endereços e entregas", "Webhooks: refused targets, endpoints and deliveries"
        ),
        WEBHOOK_MESSAGES,
    ),
    (Message("Console: pessoas e sessões", "Console: people and sessions"), CONSOLE_MESSAGES),
    (Message("Registros: rejeições e avisos", "Records: rejections and warnings"), RECORD_MESSAGES),
]


class ErrorEntry(NamedTuple):
    """A code: its HTTP status (None: it is not the code of a refusal), and its message, with facts in braces."""

    code: str
    status: int | None
    message: Message

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status is not None and is_retryable(self.status)


def list_sections() -> Iterator[tuple[Message, list[ErrorEntry]]]:
    """Yield the title and the codes of each section."""
    for title, messages in _SECTIONS:
        codes = [code for code in messages if not code.startswith(_NO_CODES)]
        yield title, [ErrorEntry(code, status_of(code), _unformat(messages[code])) for code in codes]


def readable_message(code: str) -> Message:
    """Return the message of a code as readers of a reference see it, with names of facts in braces."""
    return next(entry.message for _, entries in list_sections() for entry in entries if entry.code == code)


def _unformat(message: Message) -> Message:
    """Return the message as readers see it: without the format of its facts."""
    pt, en = (text.replace("{{", "{").replace("}}", "}").replace("!r}", "}").replace(":.0%}", "}") for text in message)
    return Message(pt, en)
