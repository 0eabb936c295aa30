"""Batch ids: UUIDs of version 7, which begin with their time, so that new rows are adjacent in the index."""

import os
import time
from uuid import UUID

ID_PREFIX = r"^[0-9a-fA-F-]{4,36}$"  # pattern of an abbreviated id


def uuid7(milliseconds: int | None = None) -> UUID:
    """Generate an id (RFC 9562): 48 bits of Unix time in milliseconds, 74 random bits."""
    moment = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    random = int.from_bytes(os.urandom(10), "big")  # one system call
    value = (moment & (1 << 48) - 1) << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return UUID(int=value)


def expand_id_prefix(prefix: str) -> tuple[UUID, UUID]:
    """Return the first and the last id that begin with `prefix`, written with or without dashes."""
    digits = prefix.replace("-", "")[:32]
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
