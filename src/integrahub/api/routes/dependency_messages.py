"""What answers say of a dependency that fails its check: words in both languages, no exception's name."""

from collections.abc import Iterator

from integrahub.domain.messages.catalog import render_message
from integrahub.domain.messages.security import Message
from integrahub.resilience.circuit_breaker import CircuitOpen


def describe_failure(fault: Exception, seconds: float) -> Message:
    """Describe why a check failed that had so many seconds."""
    if isinstance(fault, CircuitOpen):
        return render_message("check_paused", {"told": fault.last_error, "seconds": f"{fault.retry_after:.0f}"})
    chain = list(_chain(fault))
    if any(isinstance(each, ConnectionRefusedError) or "refused" in str(each).lower() for each in chain):
        return render_message("check_refused", {})
    if any(isinstance(each, TimeoutError) for each in chain):
        return render_message("check_timed_out", {"seconds": f"{seconds:.0f}"})
    told = next((text for text in (str(each).strip().partition("\n")[0] for each in chain) if text), "")
    return render_message("check_failed", {"told": told[:300]}) if told else render_message("check_unexplained", {})


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__
