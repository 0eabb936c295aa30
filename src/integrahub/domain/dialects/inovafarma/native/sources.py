"""Digest of what the kernel is compiled from.

The library has the digest of its sources. Where these are installed, the binding compares them: a `git pull` may have
brought others.
hatch_build.py runs this file alone, so it imports nothing of the package.
"""

import hashlib
import re
from pathlib import Path

_NATIVE = Path(__file__).parent
_DOMAIN = _NATIVE.parents[2]
_MEANING = re.compile(rb"^VERSION = \d+", re.MULTILINE)  # of records, by which both readers hash them


def digest_sources(domain: Path = _DOMAIN) -> int | None:
    """Return 32 bits of the digest of the kernel's sources; None if they are not installed."""
    sources = sorted(domain.rglob("*.zig"))
    if not sources:
        return None
    identify = domain / _NATIVE.parent.relative_to(_DOMAIN) / "identify.py"
    digest = hashlib.sha256(b"".join(_MEANING.findall(identify.read_bytes())))
    for path in sources:
        digest.update(path.name.encode() + path.read_bytes())
    return int.from_bytes(digest.digest()[:4], "little")
