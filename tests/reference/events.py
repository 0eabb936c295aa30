"""Events of webhooks, who receives them, and when they are sent again."""

from integrahub.api.openapi.webhooks import WebhookEvent
from integrahub.domain.webhooks.events import CLIENT_EVENTS, OPERATOR_EVENTS, EventType
from integrahub.domain.webhooks.schedule import DELAYS_SECONDS
from tests.reference.parts import Part, code, to_table
from tests.reference.states import describe

_UNITS = (("h", 3600), ("min", 60), ("s", 1))


def render() -> str:
    """Return the events, the members of their body, and the delays between attempts."""
    meanings = describe(EventType)
    events = ((code(event), meanings[event], _receiver(event)) for event in EventType)
    attempts = ((str(number), _to_words(delay)) for number, delay in enumerate(DELAYS_SECONDS, 2))
    members = ((code(name), field.description or "") for name, field in WebhookEvent.model_fields.items())
    parts = ["## Types", to_table(("type", "meaning", "sent to"), events)]
    parts += ["## Body", to_table(("member", "meaning"), members)]
    parts += ["## Attempts", "The hub makes the first attempt at once."]
    return "\n\n".join([*parts, to_table(("attempt", "after the one before"), attempts)])


def _receiver(event: EventType) -> str:
    if event in CLIENT_EVENTS:
        return "pharmacies, vendors, the operator"
    return "the operator" if event in OPERATOR_EVENTS else "the endpoint whose owner requests it"


def _to_words(seconds: float) -> str:
    return next(f"{seconds / size:g} {unit}" for unit, size in _UNITS if seconds >= size)


PARTS = (Part("reference/events.md", "events", render),)
