"""Outcome of one attempt to send a webhook."""

import msgspec

GONE = 410  # the HTTP status by which a receiver says that it wants no more


class Outcome(msgspec.Struct, frozen=True):
    """Outcome of one attempt. `error` is None if the receiver accepted the webhook.

    `status` is None if there was no answer. `retry_after` is in seconds.
    """

    milliseconds: int
    status: int | None = None
    error: str | None = None
    excerpt: str | None = None
    retry_after: float | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no further webhooks."""
        return self.status == GONE


def classify_status(status: int) -> str | None:
    """Return the error code of an answer with this status, or None for a success."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return "redirected"
    return "gone" if status == GONE else "status_refused"
