"""What answers say of a dependency that fails its check: words in both languages, no exception's name."""

from collections.abc import Iterator

from integrahub.domain.messages.catalog import say
from integrahub.domain.messages.security import Sentence
from integrahub.resilience.circuit_breaker import BreakerOpen


def describe_failure(fault: Exception, seconds: float) -> Sentence:
    """Describe why a check failed that had so many seconds."""
    if isinstance(fault, BreakerOpen):
        return say("check_paused", {"told": fault.last_error, "seconds": f"{fault.retry_after:.0f}"})
    chain = list(_chain(fault))
    if any(isinstance(each, ConnectionRefusedError) or "refused" in str(each).lower() for each in chain):
        return say("check_refused", {})
    if any(isinstance(each, TimeoutError) for each in chain):
        return say("check_timed_out", {"seconds": f"{seconds:.0f}"})
    told = next((text for text in (str(each).strip().partition("\n")[0] for each in chain) if text), "")
    return say("check_failed", {"told": told[:300]}) if told else say("check_unexplained", {})


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__
