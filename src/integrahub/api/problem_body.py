"""Body of problem answers (RFC 9457), and whole answers for requests whose head cannot be read."""

from http import HTTPStatus
from typing import Any

import msgspec

from integrahub.domain.languages import DEFAULT, Language
from integrahub.domain.messages.catalog import render_message
from integrahub.domain.messages.message import Message
from integrahub.domain.messages.statuses import type_of

MEDIA_TYPE = "application/problem+json"


def problem_body(
    status: HTTPStatus | int, error: str, code: str, message: Message, language: Language, trace_id: str
) -> dict[str, Any]:
    """Return a problem with `error` and `message`, which older clients read."""
    text = message.in_language(language)
    return {
        "type": type_of(code),
        "title": error,
        "status": int(status),
        "detail": text,
        "error": error,
        "message": text,
        "message_pt": message.pt,
        "message_en": message.en,
        "code": code,
        "errors": [],
        "trace_id": trace_id,
    }


def raw_problem(status: HTTPStatus, code: str, *headers: str, **facts: object) -> bytes:
    """Return a whole HTTP answer that closes its connection, in the default language.

    It answers a request without a readable head, whose language is unknown.
    """
    message = render_message(code, facts)
    body = msgspec.json.encode(problem_body(status, status.phrase, code, message, DEFAULT, ""))
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"content-type: {MEDIA_TYPE}", f"content-length: {len(body)}"]
    lines += [f"content-language: {DEFAULT}", "connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
