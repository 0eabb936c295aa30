"""Errors that the client library raises."""

# Statuses after which the same request may succeed later.
_RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class ApiError(Exception):
    """A request failed; the text says why and what to do.

    `status` is the status code, None if the hub did not answer. `code` is the stable name of the problem ('' if the
    answer has none), `trace_id` finds the request in the hub's log, and `retry_after` is in seconds. `retryable` says
    whether the same request may succeed later.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        retry_after: float | None = None,
        *,
        code: str = "",
        trace_id: str = "",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.code = code
        self.trace_id = trace_id
        self.retryable = status in _RETRYABLE_STATUSES if retryable is None else retryable


class InvalidCatalogue(Exception):
    """A file cannot be read, or is no catalogue."""


class InvalidConfiguration(ApiError):
    """The connection cannot be set up as requested: its proxy or its certificate authorities are not usable."""


class InvalidSignature(Exception):
    """A webhook does not come from the hub, or is too old."""
