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
from tests.reference.translations import Render, to_pair

#: The parts of each page that is made in both languages, by page and name.
TRANSLATED: dict[str, dict[str, Render]] = {
    "command-line": {"verbs": command_line.render},
    "routes": {"routes": routes.render},
    "metrics": {"metrics": metrics.render},
    "topics": {"topics": topics.render, "poll": topics.render_poll, "clients": topics.render_clients},
    "states": {"states": states.render},
    "events": {"events": events.render},
    "records": {"records": records.render},
}
_PAIRS = [to_pair(page, name, render) for page, parts in TRANSLATED.items() for name, render in parts.items()]
#: All parts that need no database.
PARTS: tuple[Part, ...] = (
    *(part for module in (settings, alerts, containers) for part in module.PARTS),
    *(part for pair in _PAIRS for part in pair),
)
