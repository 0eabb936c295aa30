"""Rate limits over a sliding window: their text form, their arithmetic, and the client network they count."""

import ipaddress
import math
import re
from dataclasses import dataclass

_UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_RATE = re.compile(r"([1-9][0-9]{0,8})\s*/\s*(second|minute|hour)")
_EXPECTED = "100/minute, 5/second, 1000/hour or off"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `quota` requests in any `seconds` seconds."""

    quota: int
    seconds: int


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """Requests allowed in the current and in the previous window; `elapsed` is the elapsed share of the current one."""

    current: int
    previous: int
    elapsed: float

    def remaining(self, limit: RateLimit) -> int:
        """Return how many more requests would be allowed now."""
        return max(0, math.floor(limit.quota - self.current - self.previous * (1 - self.elapsed)))

    def retry_after(self, limit: RateLimit) -> float:
        """Return the seconds until one more request is allowed, 0 if it is allowed now."""
        room = limit.quota - 1
        if self.current + self.previous * (1 - self.elapsed) <= room:
            return 0.0
        if self.current <= room:
            return (1 - (room - self.current) / self.previous - self.elapsed) * limit.seconds
        return (1 - self.elapsed + 1 - room / self.current) * limit.seconds


def parse_rate(text: str) -> RateLimit | None:
    """Return the limit that a text such as `100/minute` names, None for `off`. Raise ValueError for other texts."""
    cleaned = text.strip().lower()
    if cleaned == "off":
        return None
    match = _RATE.fullmatch(cleaned)
    if match is None:
        raise ValueError(f"{text!r} is no rate; expected {_EXPECTED}")
    return RateLimit(int(match[1]), _UNIT_SECONDS[match[2]])


def client_network(address: str) -> str:
    """Return the network that a limit by address counts: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
