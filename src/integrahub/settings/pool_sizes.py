"""How many connections to PostgreSQL a process keeps, as text and as figures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

ROLES = ("api", "worker")
_PART = re.compile(r"(?:(api|worker)\s*=\s*)?([1-9][0-9]{0,2})")
_MOST = 200
EXPECTED = "a number from 1 to 200, or one per role: api=12,worker=6"


@dataclass(frozen=True, slots=True)
class PoolSize:
    """`common` for every process; `own` by role where that differs."""

    common: int
    own: Mapping[str, int]

    def of(self, role: str) -> int:
        """Return the size for processes of `role`."""
        return self.own.get(role, self.common)


def parse_pool_size(text: str, common: int) -> PoolSize:
    """Read `8` or `api=12,worker=6`; roles not named keep `common`. ValueError for anything else."""
    own: dict[str, int] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part.strip().lower())
        if match is None or int(match[2]) > _MOST:
            raise ValueError(f"{text!r} is no pool size; expected {EXPECTED}")
        if match[1]:
            own[match[1]] = int(match[2])
        else:
            common = int(match[2])
    return PoolSize(common, own)
