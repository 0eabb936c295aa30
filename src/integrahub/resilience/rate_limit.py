"""Rate limits: so many in a window that slides, as text and as figures."""

import ipaddress
import math
import re
from dataclasses import dataclass

_UNITS = {"second": 1, "minute": 60, "hour": 3600}
_SHAPE = re.compile(r"([1-9][0-9]{0,8})\s*/\s*(second|minute|hour)")
EXPECTED = "100/minute, 5/second, 1000/hour or off"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`quota` in any `seconds`."""

    quota: int
    seconds: int


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """What was taken in the current window and in the one before; `elapsed` is the share of the current one gone."""

    now: int
    before: int
    elapsed: float

    def remaining(self, rate: RateLimit) -> int:
        """How many more would be granted now."""
        return max(0, math.floor(rate.quota - self.now - self.before * (1 - self.elapsed)))

    def retry_after(self, rate: RateLimit) -> float:
        """Seconds until one more is granted, 0 when it would be now."""
        room = rate.quota - 1
        if self.now + self.before * (1 - self.elapsed) <= room:
            return 0.0
        if self.now <= room:
            return (1 - (room - self.now) / self.before - self.elapsed) * rate.seconds
        return (1 - self.elapsed + 1 - room / self.now) * rate.seconds


def parse_rate(text: str) -> RateLimit | None:
    """The rate written as `100/minute`; None for `off`; ValueError for what is neither."""
    cleaned = text.strip().lower()
    if cleaned == "off":
        return None
    match = _SHAPE.fullmatch(cleaned)
    if match is None:
        raise ValueError(f"{text!r} is no rate; expected {EXPECTED}")
    return RateLimit(int(match[1]), _UNITS[match[2]])


def client_network(address: str) -> str:
    """What a limit by address counts: an IPv4 address, the /64 of an IPv6 one."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(known, ipaddress.IPv6Address):
        known = known.ipv4_mapped or known
    if isinstance(known, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)
