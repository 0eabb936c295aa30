"""Comparison of two reduced documents: what breaks clients, by operation, and what the changelog announces."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from tests.api_contract.schemas import Direction, SchemaComparison


class Break(NamedTuple):
    """A change of an operation (`METHOD /path`) after which a client that worked may fail."""

    operation: str
    change: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.change}"


def find_breaks(old: dict[str, Any], new: dict[str, Any]) -> list[Break]:
    """Return the breaks from one reduced document to another. Additions are none."""
    comparison = _OperationComparison(old["schemas"], new["schemas"])
    return [
        Break(name, change)
        for name, operation in old["operations"].items()
        for change in comparison.breaks(operation, new["operations"].get(name))
    ]


def find_unannounced(breaks: list[Break], changelog: str) -> list[Break]:
    """Return the breaks whose operation the newest section of the changelog does not name under `### Breaking`."""
    patterns = list(_announced(changelog))
    return [each for each in breaks if not any(fnmatchcase(each.operation, pattern) for pattern in patterns)]


def _announced(changelog: str) -> Iterator[str]:
    """Yield the operations in backticks; `*` stands for any characters."""
    newest = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:2]
    for section in re.split(r"^### ", "".join(newest), flags=re.MULTILINE)[1:]:
        if section.startswith("Breaking"):
            yield from re.findall(r"`([A-Z*]+ \S+)`", section)


class _OperationComparison:
    def __init__(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self._sent = SchemaComparison(old, new, Direction.SENT)
        self._read = SchemaComparison(old, new, Direction.READ)

    def breaks(self, old: dict[str, Any], new: dict[str, Any] | None) -> Iterator[str]:
        """Yield the breaks of one operation."""
        if new is None:
            yield "the operation is gone"
            return
        yield from _breaks_of_keys(old.get("keys", []), new.get("keys", []))
        yield from self._breaks_of_parameters(old.get("parameters", {}), new.get("parameters", {}))
        yield from self._breaks_of_body(old.get("body"), new.get("body"))
        for status, response in old["responses"].items():
            if status in new["responses"]:
                yield from self._breaks_of_response(response, new["responses"][status], f"answer {status}")
            else:
                yield f"answer {status}: the status is gone"

    def _breaks_of_parameters(self, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
        for name, parameter in old.items():
            if name not in new:
                yield f"{name}: the parameter is gone"
            else:
                yield from self._sent.breaks(parameter["schema"], new[name]["schema"], name)
        for name, parameter in new.items():
            if parameter["required"] and not old.get(name, {}).get("required"):
                yield f"{name}: the parameter is required now"

    def _breaks_of_body(self, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Iterator[str]:
        if new and new["required"] and not (old and old["required"]):
            yield "body: it is required now"
        for kind, schema in old["content"].items() if old else ():
            if new is None or kind not in new["content"]:
                yield f"body {kind}: the type is no longer taken"
            else:
                yield from self._sent.breaks(schema, new["content"][kind], f"body {kind}")

    def _breaks_of_response(self, old: dict[str, Any], new: dict[str, Any], place: str) -> Iterator[str]:
        for name, header in old["headers"].items():
            if name not in new["headers"]:
                yield f"{place} {name}: the header is gone"
            else:
                yield from self._read.breaks(header, new["headers"][name], f"{place} {name}")
        for kind, schema in old["content"].items():
            if kind not in new["content"]:
                yield f"{place} {kind}: the type is gone"
            else:
                yield from self._read.breaks(schema, new["content"][kind], f"{place} {kind}")


def _breaks_of_keys(old: list[str], new: list[str]) -> Iterator[str]:
    """Yield the kinds of keys that are no longer taken; an operation without kinds needs no key."""
    if new and not old:
        yield "a key is required now"
    for kind in set(old) - set(new) if new else ():
        yield f"keys of the kind {kind} are no longer taken"
