"""Comparison of two reduced schemas: changes after which a client's values, or its reading of answers, break."""

from collections.abc import Iterator
from enum import Enum
from typing import Any

from tests.api_contract.reduction import BOUNDS

Schema = dict[str, Any]
_LOWER_BOUNDS = ("minimum", "minLength", "minItems")


class Direction(Enum):
    """Who writes the values: the hub must go on taking all that clients send, clients all that they read."""

    SENT = "sent"
    READ = "read"


class SchemaComparison:
    """Compare schemas of two documents, each with its own named schemas."""

    def __init__(self, old: dict[str, Schema], new: dict[str, Schema], direction: Direction) -> None:
        self._old, self._new, self._direction = old, new, direction
        self._compared: set[tuple[int, int]] = set()  # schemas may contain themselves

    def breaks(self, old: Schema, new: Schema, place: str) -> list[str]:
        """Return the changes from `old` to `new` that break clients."""
        olds, news = list(_alternatives(old, self._old)), list(_alternatives(new, self._new))
        if self._direction is Direction.SENT:
            found = [self._closest([(each, other) for other in news], place) for each in olds]
        else:
            found = [self._closest([(other, each) for other in olds], place) for each in news]
        return [each for breaks in found for each in breaks]

    def _closest(self, pairs: list[tuple[Schema, Schema]], place: str) -> list[str]:
        """Return the breaks of the pair of alternatives with the fewest, among those whose types fit."""
        fitting = [pair for pair in pairs if self._has_fitting_type(*pair)]
        if not fitting:
            olds = " or ".join(sorted({_kind(old) for old, _ in pairs}))
            news = " or ".join(sorted({_kind(new) for _, new in pairs}))
            return [f"{place}: the type {olds} became {news}"]
        return min((self._breaks_of_pair(old, new, place) for old, new in fitting), key=len)

    def _has_fitting_type(self, old: Schema, new: Schema) -> bool:
        narrow, wide = (old, new) if self._direction is Direction.SENT else (new, old)
        kinds = (narrow.get("type"), wide.get("type"))
        return wide.get("type") is None or kinds[0] == kinds[1] or kinds == ("integer", "number")

    def _breaks_of_pair(self, old: Schema, new: Schema, place: str) -> list[str]:
        pair = (id(old), id(new))
        if pair in self._compared:
            return []
        self._compared.add(pair)
        try:
            return [*self._breaks_of_values(old, new, place), *self._breaks_of_parts(old, new, place)]
        finally:
            self._compared.discard(pair)

    def _breaks_of_values(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        is_sent = self._direction is Direction.SENT
        narrow, wide = (old, new) if is_sent else (new, old)
        if "format" in wide and narrow.get("format") != wide["format"]:
            yield f"{place}: the format {old.get('format', 'any')} became {new.get('format', 'any')}"
        if "enum" in wide and "enum" not in narrow:
            yield f"{place}: " + ("only some values are taken now" if is_sent else "the values are no longer fixed")
        for value in old.get("enum", ()) if "enum" in new else ():
            if value not in new["enum"]:
                yield f"{place}: the value {value!r} is gone"
        for name in BOUNDS if is_sent else ():
            if _is_tighter(name, old.get(name), new.get(name)):
                yield f"{place}: {name} {old.get(name, 'none')} became {new[name]}"

    def _breaks_of_parts(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        is_sent = self._direction is Direction.SENT
        members = new.get("members", {})
        for name, member in old.get("members", {}).items():
            where = f"{place}.{name}"
            if name in members:
                yield from self.breaks(member, members[name], where)
            else:
                yield f"{where}: the member is gone"
        narrow, wide = (old, new) if is_sent else (new, old)
        for name in set(wide.get("required", ())) - set(narrow.get("required", ())):
            if is_sent or name in members:
                yield f"{place}.{name}: the member is " + ("required now" if is_sent else "no longer always there")
        if new.get("closed") and not old.get("closed") and is_sent:
            yield f"{place}: other members are refused now"
        for part, label in (("items", "[]"), ("values", ".*")):
            if part in wide:
                yield from self.breaks(old.get(part, {}), new.get(part, {}), place + label)


def _alternatives(schema: Schema, schemas: dict[str, Schema]) -> Iterator[Schema]:
    if "ref" in schema:
        yield from _alternatives(schemas[schema["ref"]], schemas)
    elif "any" in schema:
        for each in schema["any"]:
            yield from _alternatives(each, schemas)
    else:
        yield schema


def _kind(schema: Schema) -> str:
    return str(schema.get("type", "any"))


def _is_tighter(name: str, old: Any, new: Any) -> bool:
    if new is None or new == old:
        return False
    if old is None or name == "pattern":
        return True
    return bool(new > old if name in _LOWER_BOUNDS else new < old)
