"""Answers of the routes of pharmacies and of PostgreSQL's row counters."""

from decimal import Decimal

from integrahub.api.models.base import Answer, Timestamp


class PharmacyAnswer(Answer):
    """A pharmacy and its settings. A setting that is null follows the hub's. `deactivation_limit` is a share."""

    id: int
    cnpj: str
    name: str
    city: str
    state: str
    time_zone: str
    deactivation_limit: Decimal | None
    full_window_minutes: int | None
    rate_limit: str | None
    created_at: Timestamp


class SilentPharmacyAnswer(Answer):
    """A pharmacy that has been silent for longer than ever before. `longest_gap` and `silent_for` are in seconds."""

    id: int
    cnpj: str
    name: str
    city: str
    state: str
    last_at: Timestamp
    longest_gap: float
    silent_for: float


class PharmacyPage(Answer):
    """Pharmacies by CNPJ. `next_cursor` is null on the last page."""

    items: list[PharmacyAnswer] | list[SilentPharmacyAnswer]
    next_cursor: str | None


class RowsWritten(Answer):
    """Rows of `products` that PostgreSQL inserted, updated and deleted since its statistics were reset."""

    n_tup_ins: int
    n_tup_upd: int
    n_tup_del: int
