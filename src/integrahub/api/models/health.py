"""Answers of the routes of health."""

from typing import Literal

from pydantic import Field

from integrahub.api.models.base import Answer


class CheckAnswer(Answer):
    """Result of the check of one dependency. `breaker` is present where a circuit breaker guards it."""

    status: Literal["ok", "down"]
    latency_ms: float
    message_pt: str
    message_en: str
    breaker: Literal["closed", "open", "half-open"] = "closed"
    message: str


class HealthAnswer(Answer):
    """Health of the hub. `degraded`: posts are accepted, but a check fails; `down`: posts are refused.

    `checks` is present for callers that may see details.
    """

    status: Literal["ok", "degraded", "down"]
    timestamp: str
    checks: dict[str, CheckAnswer] = Field(default_factory=dict)


class ProbeAnswer(Answer):
    """Result of a liveness or readiness probe."""

    status: Literal["ok", "down"]
