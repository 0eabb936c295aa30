"""How a page performs an act: run it, then show its result on the page where it was requested.

A page does what it should do inside the audit entry of the person, and returns to where it was requested::

    async def cancel(self, request: Request, batch_id: UUID, person: Operator) -> Response:
        async def act() -> Done:
            async with self._audit.on_batch(person.caller, "batch.cancel", batch_id):
                ...  # raise a Problem to refuse: the entry of the audit log names it
            return Done(N_("The batch was cancelled."))

        return await perform(request, f"{ROOT}/batches/{batch_id}", act)

The result travels in a cookie that the next page shows once and deletes. Another cookie makes every process of the
console read pages again for the person who acted, which otherwise may be some seconds old.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from integrahub.domain.errors import Problem
from integrahub.monitoring.overview import MAX_SNAPSHOT_AGE_SECONDS

NOTICE_COOKIE = "integrahub_notice"
_ACTED_COOKIE = "integrahub_acted"
COOKIE_PATH = "/console"
_NOTICE_SECONDS = 60
_ACTED_SECONDS = int(MAX_SNAPSHOT_AGE_SECONDS) + 1
_MAX_FACT_LENGTH, _SHORT_FACT_LENGTH = 200, 20
_MAX_COOKIE_LENGTH = 3_500
_Fact = str | int


class Done(msgspec.Struct, frozen=True):
    """What an act did: a msgid, marked by `N_`, and the values in it. `kind` is that of a status."""

    text: str
    values: dict[str, _Fact] = {}
    kind: Literal["ok", "look", "failed", "decision"] = "ok"


class Notice(msgspec.Struct, frozen=True):
    """What the next page shows once: a msgid, or the code of a message of the hub, with their values."""

    kind: str
    text: str
    values: dict[str, _Fact]
    is_code: bool = False


async def perform(
    request: Request, back: str, act: Callable[[], Awaitable[Done]], *, back_if_refused: str | None = None
) -> Response:
    """Run an act and redirect to the page where it was requested, which shows the result or the refusal."""
    try:
        done = await act()
    except Problem as problem:
        return refuse(request, back_if_refused or back, problem)
    return _redirect(request, back, Notice(done.kind, done.text, _shorten(done.values)))


def refuse(request: Request, back: str, problem: Problem) -> Response:
    """Redirect to the page where a refused act was requested, which shows the reason."""
    return _redirect(request, back, Notice("failed", problem.code, _shorten(problem.facts), is_code=True))


def _redirect(request: Request, back: str, notice: Notice) -> Response:
    response = RedirectResponse(back, 303, {"Cache-Control": "no-store"})
    return _set_notice(request, response, notice)


def _shorten(facts: Mapping[str, object], length: int = _MAX_FACT_LENGTH) -> dict[str, _Fact]:
    return {name: fact if isinstance(fact, int) else str(fact)[:length] for name, fact in facts.items()}


def _set_notice(request: Request, response: Response, notice: Notice) -> Response:
    value = _encode(notice)
    if len(value) > _MAX_COOKIE_LENGTH:
        value = _encode(msgspec.structs.replace(notice, values=_shorten(notice.values, _SHORT_FACT_LENGTH)))
    _set_cookie(request, response, NOTICE_COOKIE, value, _NOTICE_SECONDS)
    return mark_acted(request, response)


def mark_acted(request: Request, response: Response) -> Response:
    """Let pages of the person be read after the act that this response answers; acts without a notice call it."""
    _set_cookie(request, response, _ACTED_COOKIE, "1", _ACTED_SECONDS)
    return response


def _set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    is_secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=seconds, path=COOKIE_PATH, secure=is_secure, httponly=True, samesite="lax")


def _encode(notice: Notice) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(notice)).decode().rstrip("=")


def read_notice(request: Request) -> Notice | None:
    """Return the notice that this page shows, or None."""
    value = request.cookies.get(NOTICE_COOKIE)
    if not value:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)), type=Notice)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None


def has_acted(request: Request) -> bool:
    """Return whether the person has just acted, so that a page must be read after this request began."""
    return _ACTED_COOKIE in request.cookies


def delete_notice(response: Response) -> None:
    """Let the browser forget the notice that a page has shown."""
    response.delete_cookie(NOTICE_COOKIE, path=COOKIE_PATH)
