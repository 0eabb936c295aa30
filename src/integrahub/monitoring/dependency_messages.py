"""Messages about a dependency whose health check failed, without names of exceptions."""

from collections.abc import Iterator

from integrahub.domain.messages.catalog import render_message
from integrahub.domain.messages.message import Message
from integrahub.resilience.circuit_breaker import CircuitOpen


def describe_failure(error: Exception, timeout: float) -> Message:
    """Return why a check with `timeout` seconds failed."""
    if isinstance(error, CircuitOpen):
        facts = {"reason": error.last_error, "seconds": f"{error.retry_after:.0f}"}
        return render_message("check_paused", facts)
    causes = list(_causes(error))
    if any(isinstance(cause, ConnectionRefusedError) or "refused" in str(cause).lower() for cause in causes):
        return render_message("check_refused", {})
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return render_message("check_timed_out", {"seconds": f"{timeout:.0f}"})
    reason = next((line for line in (str(cause).strip().partition("\n")[0] for cause in causes) if line), "")
    return (
        render_message("check_failed", {"reason": reason[:300]}) if reason else render_message("check_unexplained", {})
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
