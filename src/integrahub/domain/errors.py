"""The one error tree: transient faults are tried again, poison is set aside, problems are told to the client."""

import math
from collections.abc import Mapping
from typing import ClassVar

from integrahub.domain.messages.catalog import render_message


class IntegraHubError(Exception):
    """IntegraHub could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class Transient(IntegraHubError):
    """Something the hub depends on is not there just now; the same work will be tried again."""


class StatementTimeout(Transient):
    """PostgreSQL ended a statement that took longer than it may."""


class Poison(IntegraHubError):
    """This work can never succeed as it is; it is set aside for a person."""


class InvalidData(IntegraHubError):
    """A value is not one its column can hold."""


class ConfigurationError(IntegraHubError):
    """A setting is missing or cannot be used."""


class BodyError(Poison):
    """The body as a whole cannot be delimited into records; `offset` is in decoded bytes."""

    def __init__(self, code: str, offset: int, **facts: object) -> None:
        self.code = code
        self.offset = offset
        self.facts = {"offset": offset} | facts
        super().__init__(render_message(code, self.facts).en)


class Problem(IntegraHubError):
    """A refusal told to the client: a code of `sentences` and its facts, and members added to the answer.

    `error` is the short name old clients read; `headers` go with the answer.
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
    """The request is not as the contract asks."""

    status = 400
    error = "Bad Request"


class Unauthorized(Problem):
    """No key, or one that is not known."""

    status = 401
    error = "Unauthorized"


class Forbidden(Problem):
    """A key of another pharmacy."""

    status = 403
    error = "Forbidden"


class NotFound(Problem):
    """There is nothing by that name that this key may see."""

    status = 404
    error = "Not Found"


class RequestTimeout(Problem):
    """The body does not come, or comes at a crawl; the connection is closed."""

    status = 408
    error = "Request Timeout"

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code, **facts)
        self.headers = {"Connection": "close"}


class Conflict(Problem):
    """The thing is not in a state in which this can be done."""

    status = 409
    error = "Conflict"


class Gone(Problem):
    """The thing was kept for a time that is over."""

    status = 410
    error = "Gone"


class PayloadTooLarge(Problem):
    """The body is over the limit."""

    status = 413
    error = "Payload Too Large"


class UnsupportedMediaType(Problem):
    """The body is of a kind the hub does not read."""

    status = 415
    error = "Unsupported Media Type"


class Unprocessable(Problem):
    """The request contradicts an earlier one."""

    status = 422
    error = "Unprocessable Entity"


class TooManyRequests(Problem):
    """A limit is reached; the request may be sent again after `retry_after` seconds."""

    status = 429
    error = "Too Many Requests"

    def __init__(self, code: str, retry_after: float, headers: Mapping[str, str], **facts: object) -> None:
        wait = math.ceil(retry_after)
        super().__init__(code, **facts, wait=wait)
        self.headers = {"Retry-After": str(wait)} | dict(headers)


class Unavailable(Problem):
    """The hub cannot take this now; it may be sent again after `retry_after` seconds."""

    status = 503
    error = "Service Unavailable"

    def __init__(self, code: str, retry_after: float, **facts: object) -> None:
        super().__init__(code, **facts)
        self.headers = {"Retry-After": str(math.ceil(retry_after))}
