"""What went wrong with a piece of work, told so that equal failures can be recognised."""

import hashlib
import traceback
from dataclasses import dataclass
from pathlib import PurePath
from types import TracebackType

from integrahub.domain.errors import Transient

_MESSAGE = 2000  # characters kept
_STACK = 20_000


@dataclass(frozen=True, slots=True)
class Failure:
    """Class, code (an SQLSTATE, or empty), culprit (`file:function` of ours), message, and stack without locals."""

    error_class: str
    error_code: str
    culprit: str
    message: str
    stack: str

    @property
    def fingerprint(self) -> str:
        """The same for failures of one class, code and culprit; 16 hexadecimal digits."""
        return hashlib.sha256(f"{self.error_class}|{self.error_code}|{self.culprit}".encode()).hexdigest()[:16]


def describe_failure(error: BaseException) -> Failure:
    """The failure an exception tells of."""
    cause = error.__cause__ or error
    stack = "".join(traceback.format_exception(error))
    return Failure(
        error_class=type(error).__name__,
        error_code=str(getattr(cause, "sqlstate", None) or getattr(error, "code", "") or ""),
        culprit=_culprit(error.__traceback__),
        message=_kept(str(error), _MESSAGE),
        stack=_kept(stack, _STACK),
    )


def classify_error(error: BaseException) -> str:
    """What went wrong, in one word of few: a code of ours, an SQLSTATE, or the name of the class."""
    if isinstance(error, Transient):
        return "dependency_unavailable"
    failure = describe_failure(error)
    return failure.error_code or failure.error_class


def describe_lost_worker(crashes: int) -> Failure:
    """The failure of a chunk whose workers died, again and again, without a word."""
    return Failure("WorkerDied", "", "upsert", f"worker lost {crashes} times (lease expired)", "")


def _kept(text: str, length: int) -> str:
    return text.replace("\0", "\ufffd")[-length:]


def _culprit(trace: TracebackType | None) -> str:
    """The innermost function of ours that the error passed."""
    found = ""
    for frame, _ in traceback.walk_tb(trace):
        path = PurePath(frame.f_code.co_filename)
        if "integrahub" in path.parts and "site-packages" not in path.parts:
            found = f"{path.parent.name}/{path.name}:{frame.f_code.co_name}"
    return found
