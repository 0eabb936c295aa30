"""Events of batches: the statement that ends a batch, or changes its deactivation, also inserts the deliveries."""

from typing import LiteralString

from integrahub.db.queries import load_queries

_SQL = load_queries(__name__)


def with_deliveries(statement: LiteralString) -> LiteralString:
    """Extend an update of `batches b` so that it inserts the deliveries of its events.

    The result returns the id of each updated batch as `batch_id`.
    """
    return _changed(statement) + ", deliveries AS (" + _SQL["insert"] + ") SELECT batch_id FROM changed"


def with_deliveries_returned(statement: LiteralString) -> LiteralString:
    """Extend an update like `with_deliveries`; the result returns the `batch_id` of each inserted delivery instead.

    It fetches nothing for the many batches that no endpoint hears of.
    """
    return _changed(statement) + " " + _SQL["insert"] + " RETURNING batch_id"


def _changed(statement: LiteralString) -> LiteralString:
    return "WITH changed AS (" + statement + " " + _SQL["facts"] + ")"
