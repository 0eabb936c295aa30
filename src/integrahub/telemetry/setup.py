"""Telemetry of one process: logs, metrics and traces, from its start to its end."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from integrahub.domain.errors import IntegraHubError
from integrahub.telemetry import foreign_logs, instruments, logs, tracing

_log = structlog.get_logger()

_MAX_DESCRIPTORS = 65_536  # libraries may allocate a table of this size


class TelemetryConfig(Protocol):
    """The settings that telemetry reads."""

    @property
    def log_level(self) -> str:
        """Lowest level that is logged."""

    @property
    def log_format(self) -> str:
        """Log format: `auto`, `json` or `text`."""

    @property
    def known_secrets(self) -> frozenset[str]:
        """Values that every log line masks."""

    @property
    def metrics(self) -> bool:
        """Whether metrics are counted."""

    @property
    def traces_url(self) -> str | None:
        """URL of the OTLP collector, or None."""

    @property
    def traces_share(self) -> float:
        """Share of traces that are sent, 0 to 1."""


@contextmanager
def telemetry_for(config: TelemetryConfig, process: str, steps: str = "") -> Iterator[None]:
    """Set up logs, metrics and traces while the block runs. `process` is the kind of process, `steps` its steps."""
    fields = {"process": process, "step": steps or process}
    logs.configure(config.log_level, config.log_format, config.known_secrets, fields)
    if not config.metrics:
        instruments.disable()
    with (
        foreign_logs.capture_foreign_logs(config.log_level),
        _log_final_error(config),
        tracing.export_spans(config.traces_url, config.traces_share, "integrahub"),
    ):
        yield


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        return limit
    return _MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


@contextmanager
def _log_final_error(config: TelemetryConfig) -> Iterator[None]:
    """Log the error that ends the process. With text logs, leave an IntegraHubError to the CLI, which prints it."""
    try:
        yield
    except IntegraHubError as error:
        if logs.is_text(config.log_format):
            raise
        _log.critical(str(error), action="end")
        raise SystemExit(1) from None
    except Exception as error:
        _log.critical("process failed", action="end", exc_info=error)
        raise SystemExit(1) from None
