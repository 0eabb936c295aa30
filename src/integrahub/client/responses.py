"""Responses of the hub: success, errors, pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from integrahub.client.errors import ApiError

_MAX_ERROR_CHARACTERS = 300
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing; iterating over it yields its items. `body` is the whole answer.

    Continue from `next_cursor`. If `reset` is true in a change feed, forget the catalogue: it begins again from here.
    """

    body: Row

    def __iter__(self) -> Iterator[Row]:
        return iter(self.items)

    @property
    def items(self) -> list[Row]:
        """Return the rows of this page."""
        return list(self.body["items"])

    @property
    def next_cursor(self) -> str | None:
        """Return the cursor of the next page; a change feed has one even when nothing more is there yet."""
        cursor = self.body.get("next_cursor") or self.body.get("pagination", {}).get("next_cursor")
        return str(cursor) if cursor else None

    @property
    def has_more(self) -> bool:
        """Return whether a further page can be read now."""
        return bool(self.body.get("has_more", self.next_cursor is not None))

    @property
    def reset(self) -> bool:
        """Return whether a change feed begins again with the whole catalogue."""
        return bool(self.body.get("reset"))


def check_status(response: httpx2.Response) -> httpx2.Response:
    """Return the response if its status is 2xx, else raise ApiError."""
    if response.is_success:
        return response
    problem = _read_problem(response)
    message = problem.get("message") or response.text[:_MAX_ERROR_CHARACTERS] or response.reason_phrase
    code = str(problem.get("code") or "")
    if response.is_redirect:
        message, code = f"redirected to {response.headers.get('location')}. Use the hub's own address.", "redirected"
    raise ApiError(
        f"The hub answered {response.status_code}: {message}",
        response.status_code,
        read_retry_after(response),
        code=code,
        trace_id=str(problem.get("trace_id") or ""),
    )


def read_retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds of Retry-After, which a proxy may send as a date; None if there is none."""
    wait = response.headers.get("Retry-After", "")
    if wait.isascii() and wait.isdigit():
        return float(wait)
    try:
        return max(0.0, (parsedate_to_datetime(wait) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _read_problem(response: httpx2.Response) -> Row:
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def authorization(key: str) -> dict[str, str]:
    """Return the header of an API key; none for an empty key. Raise ApiError if no header can carry the key."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise ApiError("The API key contains characters that no key has. Copy it again: ASCII, without line ends.")
    return {"Authorization": f"Bearer {key}"} if key else {}
