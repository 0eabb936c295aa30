"""The lock files name one version of each dependency."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)(?: ; ([^\\]+?))? \\$", re.MULTILINE)


def _pins(name: str) -> dict[tuple[str, str], str]:
    return {(found[1], found[3] or ""): found[2] for found in _PIN.finditer((ROOT / name).read_text("utf-8"))}


def test_the_lock_files_agree_on_every_version() -> None:
    developed = _pins("requirements-dev.txt")
    for name in ("requirements.txt", "requirements-distributed.txt"):
        shipped = _pins(name)
        assert len(shipped) > 20
        versions = {
            package: {version for (known, _), version in developed.items() if known == package[0]}
            for package in shipped
        }
        assert {package: version for package, version in shipped.items() if version not in versions[package]} == {}
