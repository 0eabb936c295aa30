"""Exceptions of the hub: transient ones are retried, body errors fail their batch, problems become responses."""

import math
from collections.abc import Mapping
from typing import ClassVar

from integrahub.domain.messages.catalog import render_message


class IntegraHubError(Exception):
    """IntegraHub failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class Transient(IntegraHubError):
    """A dependency is unavailable or a claim was lost. Workers retry the work; the API answers 503."""


class StatementTimeout(Transient):
    """PostgreSQL cancelled a statement that exceeded its timeout."""


class Poison(IntegraHubError):
    """The work can never succeed as it is, so a retry is useless."""


class InvalidData(IntegraHubError):
    """PostgreSQL refused a value (a data or integrity error)."""


class ConfigurationError(IntegraHubError):
    """A setting is missing or invalid."""


def missing_extra(what: str, extra: str) -> ConfigurationError:
    """Return the error for something that is not installed because it belongs to an extra of this package."""
    return ConfigurationError(
        f"{what} is not installed. It belongs to the extra `{extra}`: run `python -m pip install -e '.[{extra}]'` in "
        "the folder of the repository. Do not install `integrahub` from PyPI: it is not published there."
    )


class BodyError(Poison):
    """The body cannot be divided into records, so its batch fails. `offset` is in decoded bytes."""

    def __init__(self, code: str, offset: int, **facts: object) -> None:
        self.code = code
        self.offset = offset
        self.facts = {"offset": offset} | facts
        super().__init__(render_message(code, self.facts).en)


class Problem(IntegraHubError):
    """An error response: the code of a message and its facts, with additional members and headers.

    `error` is the short name that clients of the older hub read.
    """

    status: ClassVar[int] = 500
    error: ClassVar[str] = "Internal Server Error"

    def __init__(self, code: str, members: Mapping[str, object] | None = None, /, **facts: object) -> None:
        self.code = code
        self.facts = facts
        self.members = members or {}
        self.headers: dict[str, str] = {}
        super().__init__(render_message(code, facts).en)


class BadRequest(Problem):
    """The request violates the contract."""

    status = 400
    error = "Bad Request"


class Unauthorized(Problem):
    """The key is missing or not valid."""

    status = 401
    error = "Unauthorized"


class Forbidden(Problem):
    """The key does not permit this."""

    status = 403
    error = "Forbidden"


class NotFound(Problem):
    """The resource does not exist, or the key cannot access it."""

    status = 404
    error = "Not Found"


class RequestTimeout(Problem):
    """The client sends its body too slowly; the server closes the connection."""

    status = 408
    error = "Request Timeout"

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code, **facts)
        self.headers = {"Connection": "close"}


class Conflict(Problem):
    """The state of the resource does not allow this."""

    status = 409
    error = "Conflict"


class Gone(Problem):
    """The retention period of the resource has ended, or its stored object is damaged."""

    status = 410
    error = "Gone"


class PayloadTooLarge(Problem):
    """The body exceeds the limit."""

    status = 413
    error = "Payload Too Large"


class UnsupportedMediaType(Problem):
    """The hub does not support the media type, encoding or charset of the body."""

    status = 415
    error = "Unsupported Media Type"


class Unprocessable(Problem):
    """The request contradicts an earlier one."""

    status = 422
    error = "Unprocessable Entity"


class TooManyRequests(Problem):
    """A rate limit is reached; the client may retry after `retry_after` seconds."""

    status = 429
    error = "Too Many Requests"

    def __init__(self, code: str, retry_after: float, headers: Mapping[str, str], **facts: object) -> None:
        wait = math.ceil(retry_after)
        super().__init__(code, **facts, wait=wait)
        self.headers = {"Retry-After": str(wait)} | dict(headers)


class Unavailable(Problem):
    """The hub is overloaded or a dependency is down; the client may retry after `retry_after` seconds."""

    status = 503
    error = "Service Unavailable"

    def __init__(self, code: str, retry_after: float, **facts: object) -> None:
        super().__init__(code, **facts)
        self.headers = {"Retry-After": str(math.ceil(retry_after))}
