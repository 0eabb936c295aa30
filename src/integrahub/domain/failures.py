"""Failures of work, with a fingerprint that groups equal ones."""

import hashlib
import traceback
from dataclasses import dataclass
from pathlib import PurePath
from types import TracebackType

from integrahub.domain.errors import Transient

_MAX_MESSAGE = 2000  # characters
_MAX_STACK = 20_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt.

    `error_code` is an SQLSTATE or a code of the hub, if any. `culprit` is the innermost function of the hub in the
    stack, as `folder/file:function`.
    """

    error_class: str
    error_code: str
    culprit: str
    message: str
    stack: str

    @property
    def fingerprint(self) -> str:
        """Return a hash of class, code and culprit, in 16 hexadecimal digits."""
        return hashlib.sha256(f"{self.error_class}|{self.error_code}|{self.culprit}".encode()).hexdigest()[:16]


def describe_failure(error: BaseException) -> Failure:
    """Describe an exception."""
    cause = error.__cause__ or error
    stack = "".join(traceback.format_exception(error))
    return Failure(
        error_class=type(error).__name__,
        error_code=str(getattr(cause, "sqlstate", None) or getattr(error, "code", "") or ""),
        culprit=_culprit(error.__traceback__),
        message=_last(str(error), _MAX_MESSAGE),
        stack=_last(stack, _MAX_STACK),
    )


def classify_error(error: BaseException) -> str:
    """Return the label of an exception in metrics: a code of the hub, an SQLSTATE, or the name of its class."""
    if isinstance(error, Transient):
        return "dependency_unavailable"
    failure = describe_failure(error)
    return failure.error_code or failure.error_class


def describe_lost_worker(crashes: int) -> Failure:
    """Describe the failure of a chunk whose workers crashed repeatedly."""
    return Failure("WorkerDied", "", "upsert", f"worker lost {crashes} times (lease expired)", "")


def _last(text: str, length: int) -> str:
    return text.replace("\0", "\ufffd")[-length:]


def _culprit(trace: TracebackType | None) -> str:
    culprit = ""
    for frame, _ in traceback.walk_tb(trace):
        path = PurePath(frame.f_code.co_filename)
        if "integrahub" in path.parts and "site-packages" not in path.parts:
            culprit = f"{path.parent.name}/{path.name}:{frame.f_code.co_name}"
    return culprit
