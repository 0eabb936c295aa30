"""Alerts during a soak test: a real Prometheus with the hub's own rules, and what it had pending or firing."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import msgspec

from integrahub.domain.errors import IntegraHubError
from integrahub.tools.devservices.prometheus import run_prometheus
from integrahub.tools.soak.rows import AlertReport, AlertSpan, InjectedFault

_SCRAPE_INTERVAL_SECONDS = 5
_MAX_SPANS = 1000
_WATCHED = (
    f"A Prometheus with the rules of `deploy/prometheus` scraped the hub and evaluated the rules every "
    f"{_SCRAPE_INTERVAL_SECONDS} s."
)


class ActiveAlert(msgspec.Struct, frozen=True):
    """An alert as Prometheus lists it. `state`: pending until its condition has held for the rule's `for`."""

    labels: dict[str, str]
    state: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Return its name, its other labels in words, and its state."""
        labels = (f"{name}={value}" for name, value in sorted(self.labels.items()) if name != "alertname")
        return self.labels["alertname"], ", ".join(labels), self.state


class _Alerts(msgspec.Struct, frozen=True):
    alerts: list[ActiveAlert]


class _Answer(msgspec.Struct, frozen=True):
    data: _Alerts


@dataclass(frozen=True, slots=True)
class _Span:
    """A state of an alert: its name, labels and state, its start, and since when the alert's condition held."""

    key: tuple[str, str, str]
    start: float
    since: float

    def to_row(self, faults: list[InjectedFault], end: float | None) -> AlertSpan:
        """Return the row with the last fault that began before the condition held."""
        rounded = None if end is None else round(end, 1)
        return AlertSpan(*self.key, round(self.start, 1), rounded, _describe_last(faults, self.since))


@dataclass(slots=True)
class AlertLog:
    """What was pending or firing, from which second to which. `url`: that of Prometheus, if one runs."""

    url: str | None = None
    note: str = "Alerts were not watched."
    omitted: int = 0
    _ended: list[tuple[_Span, float]] = field(default_factory=list)
    _present: dict[tuple[str, str, str], _Span] = field(default_factory=dict)

    def update(self, at: float, active: Iterable[ActiveAlert]) -> None:
        """Record what is active at a second of the run. An alert that fires was pending before."""
        keys = {alert.key for alert in active}
        ended = {key: self._present.pop(key) for key in self._present.keys() - keys}
        for key in keys - self._present.keys():
            pending = ended.get((*key[:2], "pending"))
            self._present[key] = _Span(key, at, pending.since if pending else at)
        kept = list(ended.values())[: _MAX_SPANS - len(self._ended)]
        self._ended += [(span, at) for span in kept]
        self.omitted += len(ended) - len(kept)

    def report(self, faults: list[InjectedFault]) -> AlertReport:
        """Return the alerts in their order, each with the last fault that began before its condition held."""
        rows = [span.to_row(faults, end) for span, end in self._ended]
        rows += [span.to_row(faults, None) for span in self._present.values()]
        more = f" {self.omitted} later ones are not listed." if self.omitted else ""
        ordered = sorted(rows, key=lambda row: (row.start, row.alert, row.labels))
        return AlertReport(self.url is not None, self.note + more, ordered)


def _describe_last(faults: list[InjectedFault], at: float) -> str:
    before = [fault for fault in faults if fault.at <= at]
    return f"{before[-1].fault} ({before[-1].at:g})" if before else ""


@contextmanager
def watch_alerts(folder: Path, hub_url: str) -> Iterator[AlertLog]:
    """Run a Prometheus on the hub while the block runs. Without one, the note of the log explains why."""
    log = AlertLog()
    with ExitStack() as stack:
        target = hub_url.removeprefix("http://")
        try:
            log.url, log.note = stack.enter_context(run_prometheus(folder, target, _SCRAPE_INTERVAL_SECONDS)), _WATCHED
        except IntegraHubError as missing:
            log.note = f"Alerts were not watched. {missing}"
        yield log


async def observe_alerts(log: AlertLog, second: Callable[[], float]) -> None:
    """Read the active alerts until cancelled. A busy Prometheus is read again at the next turn."""
    if log.url is None:
        return
    async with httpx2.AsyncClient(base_url=log.url, trust_env=False) as http:
        while True:
            await asyncio.sleep(_SCRAPE_INTERVAL_SECONDS)
            with suppress(httpx2.HTTPError, msgspec.DecodeError):
                log.update(second(), await fetch_alerts(http))


async def fetch_alerts(http: httpx2.AsyncClient) -> list[ActiveAlert]:
    """Return the alerts that a Prometheus has pending or firing."""
    answer = await http.get("/api/v1/alerts")
    return msgspec.json.decode(answer.content, type=_Answer).data.alerts
