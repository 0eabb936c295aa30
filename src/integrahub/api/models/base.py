"""Base class of response models and the one form of time in answers: UTC, milliseconds, `Z`."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from integrahub.domain.views.timestamps import format_time

Timestamp = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class Answer(BaseModel):
    """Answer of a route, or a part of one. It is read from a typed row by attribute, or from a mapping by key."""

    model_config = ConfigDict(from_attributes=True, frozen=True)
