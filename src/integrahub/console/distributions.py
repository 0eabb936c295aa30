"""Packages that the hub runs on, with their versions and licences."""

import re
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import msgspec

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_MAX_LICENCE_LENGTH = 60


class Package(msgspec.Struct, frozen=True):
    """An installed package. `licence` is empty if its metadata name none."""

    name: str
    version: str
    licence: str


@cache
def list_packages() -> list[Package]:
    """Return the hub, then the installed packages that it needs, directly or not, in order of their names."""
    found: dict[str, Distribution] = {}
    waiting = ["integrahub"]
    while waiting:
        name = _normalise(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # needed on another platform, or by an extra that is not installed
            continue
        waiting += [_NAME.match(line)[0] for line in found[name].requires or [] if "extra ==" not in line]  # type: ignore[index]
    names = sorted(found, key=lambda name: (name != "integrahub", name))
    return [Package(name, found[name].version, _licence_of(found[name])) for name in names]


def _normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence_of(package: Distribution) -> str:
    metadata = package.metadata
    named = next((metadata[name] for name in ("License-Expression", "License") if name in metadata), "")
    lines = [line for line in named.splitlines() if line.strip()]
    if len(lines) == 1 and len(lines[0]) <= _MAX_LICENCE_LENGTH:
        return lines[0].strip()
    classifiers = metadata.get_all("Classifier") or []
    return ", ".join(text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License ::"))
