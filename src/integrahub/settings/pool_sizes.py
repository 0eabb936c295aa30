"""Sizes of the pools of PostgreSQL connections: one for all processes, or one per role."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

ROLES = ("api", "console", "worker")
_PART = re.compile(r"(?:(api|console|worker)\s*=\s*)?([1-9][0-9]{0,2})")
_MAX_SIZE = 200
EXPECTED = "a number from 1 to 200, or one per role: api=12,worker=6"


@dataclass(frozen=True, slots=True)
class PoolSize:
    """`common` is the size for all processes; `own` has the sizes of roles that differ."""

    common: int
    own: Mapping[str, int]

    def of(self, role: str) -> int:
        """Return the size for processes of `role`."""
        return self.own.get(role, self.common)


def parse_pool_size(text: str, common: int) -> PoolSize:
    """Parse `8` or `api=12,worker=6`; roles that are not named have `common`. Raise ValueError if it is no size."""
    own: dict[str, int] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part.strip().lower())
        if match is None or int(match[2]) > _MAX_SIZE:
            raise ValueError(f"{text!r} is no pool size; expected {EXPECTED}")
        if match[1]:
            own[match[1]] = int(match[2])
        else:
            common = int(match[2])
    return PoolSize(common, own)
