"""Table `unknown_fields`: fields of records that the dialect does not know, counted by pharmacy."""

from collections import Counter
from collections.abc import Sequence

from integrahub.db.database import Connection
from integrahub.db.queries import load_queries

_SQL = load_queries(__name__)
MAX_FIELDS_PER_PHARMACY = 50


async def add(connection: Connection, found: Sequence[tuple[int, Counter[str]]]) -> None:
    """Add the records with unknown fields, by pharmacy id, in the transaction that applies them."""
    counts = [(pharmacy_id, field, count) for pharmacy_id, fields in found for field, count in fields.items()]
    if counts:
        pharmacies, fields, records = map(list, zip(*counts, strict=True))
        params = {"pharmacies": pharmacies, "fields": fields, "records": records, "most": MAX_FIELDS_PER_PHARMACY}
        await connection.execute(_SQL["add"], params)
