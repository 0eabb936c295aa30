"""A process of the hub is watched from its start to its end."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from integrahub.telemetry import instruments, logs, traces

_MAX_DESCRIPTORS = 65_536  # more would cost memory where a program keeps a table of them


class Watching(Protocol):
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
def watched(asked: Watching) -> Iterator[None]:
    """Its logs, its counting, and where its traces go."""
    logs.configure(asked.log_level, asked.log_format, asked.known_secrets)
    if not asked.metrics:
        instruments.mute()
    with traces.exporting(asked.traces_url, asked.traces_share, "integrahub"):
        yield


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
