"""The body of every refusal, and refusals that are written before a request could be read."""

from http import HTTPStatus
from typing import Any

import msgspec

from integrahub.domain.languages import DEFAULT, Language
from integrahub.domain.messages.catalog import render_message
from integrahub.domain.messages.message import Message

MEDIA_TYPE = "application/problem+json"


def problem_body(
    status: int, error: str, code: str, told: Message, language: Language, trace_id: str
) -> dict[str, Any]:
    """Return a problem (RFC 9457) with the members that older clients read."""
    message = told.in_language(language)
    return {
        "type": "about:blank",
        "title": error,
        "status": status,
        "detail": message,
        "error": error,
        "message": message,
        "message_pt": told.pt,
        "message_en": told.en,
        "code": code,
        "errors": [],
        "trace_id": trace_id,
    }


def raw_problem(status: HTTPStatus, code: str, *headers: str, **facts: object) -> bytes:
    """Return a whole answer that closes its connection, for a request without a readable head: no language is known."""
    told = render_message(code, facts)
    body = msgspec.json.encode(problem_body(status, status.phrase, code, told, DEFAULT, ""))
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"content-type: {MEDIA_TYPE}", f"content-length: {len(body)}"]
    lines += [f"content-language: {DEFAULT}", "connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
