"""Refused requests in the log, sampled: a client that is refused all day must not fill the disk."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog

_INTERVAL = 1.0  # seconds between lines of one kind
_MAX_LINES = 20  # lines of all kinds in such an interval
_MAX_KINDS = 1000  # kinds remembered
_log = structlog.get_logger()
Kind = tuple[str, str, str]  # code, route, key or address


@dataclass
class RefusalLog:
    """Logs the first refusal of a kind at once, then one line a second with how many it stands for."""

    clock: Callable[[], float] = monotonic
    _seen: dict[Kind, tuple[float, int]] = field(default_factory=dict)  # when last logged, how many since
    _begun: float = float("-inf")
    _lines: int = 0

    def add(self, scope: Any, route: str, status: str) -> None:
        """Log the refusal of a request, unless its kind was logged just now."""
        code, caller = str(scope.get("refusal", "")), str(scope.get("caller_name", ""))
        address = (scope.get("client") or ("",))[0]
        kind, now = (code, route, caller or address), self.clock()
        since, skipped = self._seen.get(kind, (float("-inf"), 0))
        if now - since < _INTERVAL or not self._has_room(now):
            self._keep(kind, since, skipped + 1)
            return
        self._keep(kind, now, 0)
        facts = {"code": code, "status": int(status), "method": scope["method"], "route": route, "key": caller}
        facts |= {"address": address, "skipped": skipped}
        _log.warning("request refused", action="refuse", **{name: fact for name, fact in facts.items() if fact})

    def _has_room(self, now: float) -> bool:
        if now - self._begun >= _INTERVAL:
            self._begun, self._lines = now, 0
        self._lines += 1
        return self._lines <= _MAX_LINES

    def _keep(self, kind: Kind, since: float, skipped: int) -> None:
        if len(self._seen) >= _MAX_KINDS and kind not in self._seen:
            self._seen.clear()
        self._seen[kind] = since, skipped
