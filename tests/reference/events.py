"""Events of webhooks, who receives them, and when they are sent again."""

from integrahub.domain.webhooks.events import CLIENT_EVENTS, OPERATOR_EVENTS, EventType
from integrahub.domain.webhooks.schedule import DELAYS_SECONDS
from tests.reference.parts import code, to_table
from tests.reference.routes import load_document
from tests.reference.states import describe
from tests.reference.translations import Translate

_UNITS = (("h", 3600), ("min", 60), ("s", 1))


def render(text: Translate) -> str:
    """Return the events, the members of their body, and the delays between attempts."""
    meanings = describe(EventType)
    events = ((code(event), text(meanings[event]), text(_receiver(event))) for event in EventType)
    attempts = ((str(number), _to_words(delay)) for number, delay in enumerate(DELAYS_SECONDS, 2))
    properties = load_document()["components"]["schemas"]["WebhookEvent"]["properties"]
    members = ((code(name), text(field["description"])) for name, field in properties.items())
    parts = [f"## {text('Types')}", to_table(map(text, ("type", "meaning", "sent to")), events)]
    parts += [f"## {text('Body')}", to_table(map(text, ("member", "meaning")), members)]
    parts += [f"## {text('Attempts')}", text("The hub makes the first attempt at once.")]
    return "\n\n".join([*parts, to_table(map(text, ("attempt", "after the one before")), attempts)])


def _receiver(event: EventType) -> str:
    if event in CLIENT_EVENTS:
        return "pharmacies, vendors, the operator"
    return "the operator" if event in OPERATOR_EVENTS else "the endpoint whose owner requests it"


def _to_words(seconds: float) -> str:
    return next(f"{seconds / size:g} {unit}" for unit, size in _UNITS if seconds >= size)
