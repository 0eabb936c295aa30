"""A process of the hub is watched from its start to its end."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from integrahub.domain.errors import IntegraHubError
from integrahub.telemetry import foreign_logs, instruments, logs, tracing

_log = structlog.get_logger()

_MAX_DESCRIPTORS = 65_536  # more would cost memory where a program keeps a table of them


class TelemetryConfig(Protocol):
    """What the settings say of it."""

    @property
    def log_level(self) -> str:
        """The least severe that is logged."""

    @property
    def log_format(self) -> str:
        """`auto`, `json` or `text`."""

    @property
    def known_secrets(self) -> frozenset[str]:
        """Values that no log line may show."""

    @property
    def metrics(self) -> bool:
        """Whether anything is counted."""

    @property
    def traces_url(self) -> str | None:
        """Where spans go."""

    @property
    def traces_share(self) -> float:
        """The share of traces sent."""


@contextmanager
def telemetry_for(asked: TelemetryConfig, process: str, steps: str = "") -> Iterator[None]:
    """Its logs, its counting, and where its traces go. `process` is its kind, `steps` what it works on."""
    told = {"process": process, "step": steps or process}
    logs.configure(asked.log_level, asked.log_format, asked.known_secrets, told)
    if not asked.metrics:
        instruments.disable()
    with (
        foreign_logs.captured(asked.log_level),
        _logging_its_end(asked),
        tracing.export_spans(asked.traces_url, asked.traces_share, "integrahub"),
    ):
        yield


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


@contextmanager
def _logging_its_end(asked: TelemetryConfig) -> Iterator[None]:
    """An error that ends the process is a line of its log; on a terminal a person reads the sentence alone."""
    try:
        yield
    except IntegraHubError as error:
        if logs.is_text(asked.log_format):
            raise
        _log.critical(str(error), action="end")
        raise SystemExit(1) from None
    except Exception as error:
        _log.critical("the process ends with an error", action="end", exc_info=error)
        raise SystemExit(1) from None
