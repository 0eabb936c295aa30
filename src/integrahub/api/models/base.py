"""Base class of response models, times in requests, and the one form of time in answers: UTC, milliseconds, `Z`."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from integrahub.domain.messages.fields import InvalidField
from integrahub.domain.views.timestamps import format_time


def _reject_timestamps(value: Any) -> Any:
    # pydantic would also read a number as seconds since 1970.
    if isinstance(value, str) and not value.lstrip("+-").replace(".", "", 1).isdecimal():
        return value
    raise InvalidField("datetime_parsing")


Moment = Annotated[datetime, BeforeValidator(_reject_timestamps)]
Timestamp = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class Answer(BaseModel):
    """Answer of a route, or a part of one. It is read from a typed row by attribute, or from a mapping by key."""

    model_config = ConfigDict(from_attributes=True, frozen=True)
