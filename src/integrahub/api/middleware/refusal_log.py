"""Sampled log of refused requests: a client that is refused all day must not fill the disk."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog

_KIND_INTERVAL_SECONDS = 1.0  # between two lines of one kind
_MAX_LINES_PER_INTERVAL = 20  # of all kinds
_MAX_KINDS = 1000
_log = structlog.get_logger()
Kind = tuple[str, str, str]  # code, route, key or address


@dataclass
class RefusalLog:
    """Log the first refusal of a kind at once, later ones once a second with the number of skipped lines."""

    clock: Callable[[], float] = monotonic
    _kinds: dict[Kind, tuple[float, int]] = field(default_factory=dict)  # when last logged, skipped since
    _interval_start: float = float("-inf")
    _lines: int = 0

    def add(self, scope: Any, route: str, status: str) -> None:
        """Log the refusal of a request, unless one of its kind was logged within the last second."""
        code, caller = str(scope.get("refusal", "")), str(scope.get("caller_name", ""))
        address = (scope.get("client") or ("",))[0]
        kind, now = (code, route, caller or address), self.clock()
        logged_at, skipped = self._kinds.get(kind, (float("-inf"), 0))
        if now - logged_at < _KIND_INTERVAL_SECONDS or not self._has_room(now):
            self._store(kind, logged_at, skipped + 1)
            return
        self._store(kind, now, 0)
        fields = {"code": code, "status": int(status), "method": scope["method"], "route": route, "key": caller}
        fields |= {"address": address, "skipped": skipped}
        _log.warning("request refused", action="refuse", **{name: value for name, value in fields.items() if value})

    def _has_room(self, now: float) -> bool:
        if now - self._interval_start >= _KIND_INTERVAL_SECONDS:
            self._interval_start, self._lines = now, 0
        self._lines += 1
        return self._lines <= _MAX_LINES_PER_INTERVAL

    def _store(self, kind: Kind, logged_at: float, skipped: int) -> None:
        if len(self._kinds) >= _MAX_KINDS and kind not in self._kinds:
            self._kinds.clear()
        self._kinds[kind] = logged_at, skipped
