"""Parameters and JSON members that a route does not know: refused, or ignored and named on older clients' routes."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, model_validator
from starlette.requests import Request
from starlette.responses import Response

from integrahub.domain.errors import BadRequest
from integrahub.domain.messages.fields import InvalidField
from integrahub.domain.messages.message import Message

NOTICE_HEADER = "X-Inova-Notice"
_MAX_NAMES_IN_NOTICE = 10
_MAX_COMPARED = 60  # characters; comparing longer names costs too much
_SYNONYMS = {"nome": "name", "cidade": "city", "estado": "state", "uf": "state", "chave": "key", "busca": "q"}


def suggest_name(name: str, known: Collection[str]) -> Message:
    """Return a message with the known name most similar to `name`, or with all known names if none is similar."""
    if not known:
        return Message("esta rota não tem nenhum", "this route has none")
    meant = _SYNONYMS.get(name.lower(), name.lower())[:_MAX_COMPARED]
    close = get_close_matches(meant, sorted(known), 1, 0.6)
    if close:
        return Message(f"o mais parecido é {close[0]!r}", f"the nearest is {close[0]!r}")
    names = ", ".join(sorted(known))
    return Message(f"os conhecidos são {names}", f"the known ones are {names}")


def reject_unknown_parameters(request: Request, known: set[str]) -> None:
    """Raise BadRequest for a query parameter that the route does not have."""
    for name in request.query_params:
        if name not in known:
            raise BadRequest("parameter_unknown", name=name[:60], nearest=suggest_name(name, known))


def add_ignored_notice(response: Response, kind: str, names: Iterable[str]) -> None:
    """Name ignored parameters or members, if there are any, in a header of the answer."""
    ignored = [quote(name[:60], safe="") for name in dict.fromkeys(names)]
    if ignored:
        add_notice(response, f"ignored unknown {kind}: {', '.join(ignored[:_MAX_NAMES_IN_NOTICE])}")


def add_notice(response: Response, notice: str) -> None:
    """Add a notice for the client's operator to the header of the answer that has them."""
    notices = [response.headers[NOTICE_HEADER]] if NOTICE_HEADER in response.headers else []
    response.headers[NOTICE_HEADER] = "; ".join([*notices, notice])


class StrictModel(BaseModel):
    """JSON object in a request. An unknown member is refused, and the message names it."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, value: Any) -> Any:
        if isinstance(value, dict) and cls.model_config.get("extra") == "forbid":
            for name in value:
                if name not in cls.model_fields:
                    raise InvalidField(
                        "member_unknown", name=str(name)[:60], nearest=suggest_name(str(name), cls.model_fields)
                    )
        return value
