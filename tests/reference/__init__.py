"""Reference of the documentation, made from the code by `make reference`; tests compare it with the pages."""

from tests.reference import (
    alerts,
    command_line,
    containers,
    events,
    metrics,
    records,
    routes,
    settings,
    states,
    topics,
)
from tests.reference.parts import Part

_MODULES = (settings, command_line, routes, metrics, alerts, topics, states, events, records, containers)
#: All parts that need no database.
PARTS: tuple[Part, ...] = tuple(part for module in _MODULES for part in module.PARTS)
