"""Search over all pharmacies: each kind of thing is found, and text stands for itself."""

from uuid import UUID

import pytest

from integrahub.db.console import search
from integrahub.db.database import Database
from integrahub.domain.ids import expand_id_prefix

_FILL = (
    """INSERT INTO pharmacies (cnpj, name, city) VALUES ('00000000000191', 'Drogaria Áurea', 'Campinas'),
      ('05927228000145', 'Farmácia 100%', 'Santos')""",
    """INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, finished_at, error_code)
      VALUES ('019ca8a2-0000-7000-8000-000000000001', 1, 1, 'full', 1, '', 'FAILED', now(), 'body_truncated'),
      ('019ca8a3-0000-7000-8000-000000000002', 2, 1, 'full', 1, '', 'COMPLETED', now(), NULL)""",
    """INSERT INTO products (pharmacy_id, product_id, batch_id, title, ean)
      SELECT f, p, '019ca8a2-0000-7000-8000-000000000001', 'Dipirona', CASE WHEN p = 7 THEN '7896004703398' ELSE '' END
      FROM generate_series(1, 2) f, generate_series(5, 9) p""",
    """INSERT INTO dead_letters (cnpj, records, error_class, error_code, culprit, message, stack, attempts, fingerprint)
      VALUES ('00000000000191', 1, 'StatementTimeout', 'statement_timeout', 'merge', 'cancelled after 5_s', '', '[]',
        'abc')""",
    """INSERT INTO failure_groups (fingerprint, error_class, error_code, culprit, count, first_seen, last_seen, sample)
      SELECT 'abc', error_class, error_code, culprit, 1, now(), now(), id FROM dead_letters""",
)


@pytest.fixture
async def filled(database: Database) -> Database:
    async with database.transaction() as connection:
        for statement in _FILL:
            await connection.execute(statement)
    return database


async def test_pharmacies_are_found_by_name_and_by_the_beginning_of_their_cnpj(filled: Database) -> None:
    async def found(text: str, prefix: str = "") -> list[str]:
        return [hit.cnpj for hit in await search.find_pharmacies(filled, text, prefix)]

    assert await found("aurea") == ["00000000000191"]
    assert await found("100%") == ["05927228000145"]
    assert await found("0592", "0592") == ["05927228000145"]
    assert await found("0%1") == []


async def test_batches_are_found_by_the_beginning_of_their_id(filled: Database) -> None:
    hits = await search.find_batches(filled, expand_id_prefix("019ca8a"))
    assert [hit.id for hit in hits] == [
        UUID("019ca8a3-0000-7000-8000-000000000002"),
        UUID("019ca8a2-0000-7000-8000-000000000001"),
    ]
    assert len(await search.find_batches(filled, expand_id_prefix("019ca8a2"))) == 1


async def test_products_are_found_by_id_and_bar_code_in_every_pharmacy(filled: Database) -> None:
    by_id = await search.find_products(filled, product_id=6)
    assert {(hit.cnpj, hit.product_id) for hit in by_id} == {("00000000000191", 6), ("05927228000145", 6)}
    by_ean = await search.find_products(filled, ean="7896004703398")
    assert [hit.product_id for hit in by_ean] == [7, 7]
    assert await search.find_products(filled) == []


async def test_causes_and_codes_are_found_by_text(filled: Database) -> None:
    for text in ("timeout", "MERGE", "after 5_s", "abc"):
        assert [hit.fingerprint for hit in await search.find_causes(filled, text)] == ["abc"], text
    assert await search.find_causes(filled, "afterX5") == []
    assert [hit.code for hit in await search.find_failed_codes(filled, ["body_truncated", "body_malformed"])] == [
        "body_truncated"
    ]
