"""Names of a request that its route does not know: refused, or ignored and named where older clients may send them."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, model_validator
from starlette.requests import Request
from starlette.responses import Response

from integrahub.domain.errors import BadRequest
from integrahub.domain.messages.fields import InvalidField
from integrahub.domain.near_names import suggest_name

NOTICE = "X-Inova-Notice"
_MOST = 10  # names in one notice


def reject_unknown_parameters(request: Request, known: set[str]) -> None:
    """Refuse a query parameter that the route does not have."""
    for name in request.query_params:
        if name not in known:
            raise BadRequest("parameter_unknown", name=name[:60], nearest=suggest_name(name, known))


def add_notice(answer: Response, kind: str, names: Iterable[str]) -> None:
    """Name in a header of the answer what was ignored, if anything was."""
    found = [quote(name[:60], safe="") for name in dict.fromkeys(names)]
    if found:
        before = [answer.headers[NOTICE]] if NOTICE in answer.headers else []
        answer.headers[NOTICE] = "; ".join([*before, f"ignored unknown {kind}: {', '.join(found[:_MOST])}"])


class StrictModel(BaseModel):
    """A JSON object of a request, whose unknown members are refused by name."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: Any) -> Any:
        if isinstance(given, dict) and cls.model_config.get("extra") == "forbid":
            for name in given:
                if name not in cls.model_fields:
                    raise InvalidField(
                        "member_unknown", name=str(name)[:60], nearest=suggest_name(str(name), cls.model_fields)
                    )
        return given
