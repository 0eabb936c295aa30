"""Estimate of the time at which a batch becomes final, from the work that workers did lately. No I/O."""

from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean
from uuid import UUID

import msgspec

# A rate is measured over this time, or over this many transactions if they take longer. A longer window would hide that
# workers were added.
_WINDOW_SECONDS = 10.0
_WINDOW_TRANSACTIONS = 16
_FLEET_TRANSACTIONS = 3  # of the batch's own that count as much as the rate of other batches
_IDLE_SHARE = 0.5  # of a transaction: how long a worker waits on average at the end of a batch
_STALL_SECONDS = 30.0
_STALL_LATENCIES = 5.0  # a batch stalls if nothing ended for this multiple of the usual duration of a transaction
_MAX_CREDIT = 0.95  # share of its records that counts for a transaction that has not ended
_MIN_SPREAD, _MAX_SPREAD = 0.1, 0.6
_FLEET_SPREAD = 0.4  # of an estimate by the rate of other batches
_UNKNOWN_FINISH_SPREAD = 0.1  # added if no earlier batch shows how long finishing takes
_PARTS = 4  # of the window, whose rates show how much the rate varies


class Work(msgspec.Struct, frozen=True, array_like=True):
    """Records that a worker claimed together. Times are in seconds since 1970; `finished` is None until they end."""

    started: float
    finished: float | None
    records: int


class BatchPace(msgspec.Struct, frozen=True):
    """What the estimate of an unfinished batch needs, after its split.

    `left` are its records without a result, `ahead` those of the pharmacy's earlier batches, `work` that of the batch
    which has the turn. `finishing` is how many seconds the finish of the pharmacy's last such batch took.
    """

    batch_id: UUID
    now: datetime
    left: int
    ahead: float
    batches_ahead: int
    work: list[Work]
    finishing: float | None


class Estimate(msgspec.Struct, frozen=True):
    """When a batch becomes final: most probably, at the earliest and at the latest."""

    at: datetime
    low: datetime
    high: datetime


class _Rate(msgspec.Struct, frozen=True):
    """Records per second and their relative spread."""

    records: float
    spread: float
    credit: float = 0.0  # records that count for transactions in progress
    idle: float = 0.0  # seconds of waiting at the end of each batch


def estimate_completion(pace: BatchPace, fleet_rate: float | None) -> Estimate | None:
    """Return the estimate; None if the batch stalls, or if nothing shows how fast it will be.

    `fleet_rate` is that of other batches of late, in records per second; it serves until the batch has its own.
    """
    now = pace.now.timestamp()
    finished = [work.finished for work in pace.work if work.finished is not None]
    if not pace.left and not pace.ahead:
        return _estimate_finish(pace, max(finished, default=now))
    if _is_stalled(pace.work, now):
        return None
    rate = _measure_rate(pace.work, now, fleet_rate) or (_Rate(fleet_rate, _FLEET_SPREAD) if fleet_rate else None)
    if rate is None:
        return None
    records = max(0.0, pace.left + pace.ahead - rate.credit)
    finishing = (rate.idle + (pace.finishing or 0.0)) * (1 + pace.batches_ahead)
    spread = rate.spread + (_UNKNOWN_FINISH_SPREAD if pace.finishing is None else 0.0)
    return _to_estimate(pace.now, records / rate.records + finishing, min(_MAX_SPREAD, spread))


def _estimate_finish(pace: BatchPace, applied_at: float) -> Estimate | None:
    if pace.finishing is None:
        return None
    left = applied_at + pace.finishing - pace.now.timestamp()
    return _to_estimate(pace.now, max(0.5, left), _MAX_SPREAD)


def _to_estimate(now: datetime, seconds: float, spread: float) -> Estimate:
    low, high = seconds / (1 + spread), seconds * (1 + spread)
    return Estimate(*(now + timedelta(seconds=value) for value in (seconds, low, high)))


def _latency(work: list[Work]) -> float | None:
    """Return the mean duration of the transactions that ended; None if none did."""
    durations = [each.finished - each.started for each in work if each.finished is not None]
    return fmean(durations) if durations else None


def _is_stalled(work: list[Work], now: float) -> bool:
    latest = max((each.finished or each.started for each in work), default=now)
    return now - latest > max(_STALL_SECONDS, _STALL_LATENCIES * (_latency(work) or 0.0))


def _measure_rate(work: list[Work], now: float, fleet_rate: float | None) -> _Rate | None:
    """Return the rate within the window; None before the first transaction ended."""
    latency = _latency(work)
    start = _window_start(work, now)
    if not latency or now <= start:
        return None
    ends = [each.finished or each.started + max(latency, (now - each.started) / _MAX_CREDIT) for each in work]
    spans = [(each.started, end, each.records) for each, end in zip(work, ends, strict=True)]
    length = (now - start) / _PARTS
    borders = [*(start + length * part for part in range(_PARTS)), now]
    parts = [sum(_share(span, *part) for span in spans) for part in pairwise(borders)]
    mean = fmean(parts)
    variation = fmean((part - mean) ** 2 for part in parts) ** 0.5 / mean
    credit = sum(_share(span, span[0], now) for span, each in zip(spans, work, strict=True) if each.finished is None)
    rate = _weigh(mean / length, sum(each.finished is not None for each in work), fleet_rate)
    return _Rate(rate, min(_MAX_SPREAD, _MIN_SPREAD + variation / _PARTS**0.5), credit, _IDLE_SHARE * latency)


def _window_start(work: list[Work], now: float) -> float:
    latest = sorted((each.started for each in work if each.finished is not None), reverse=True)[:_WINDOW_TRANSACTIONS]
    earliest = min((each.started for each in work), default=now)
    return max(earliest, min([now - _WINDOW_SECONDS, *latest[-1:]]))


def _weigh(own: float, transactions: int, fleet_rate: float | None) -> float:
    """Return the rate of few transactions together with that of other batches."""
    if not fleet_rate:
        return own
    return (transactions * own + _FLEET_TRANSACTIONS * fleet_rate) / (transactions + _FLEET_TRANSACTIONS)


def _share(span: tuple[float, float, int], start: float, end: float) -> float:
    """Return the records of a transaction that fall between two times, as if it progressed evenly."""
    started, finished, records = span
    overlap = min(end, finished) - max(start, started)
    return records * max(0.0, overlap) / max(finished - started, 1e-3)
