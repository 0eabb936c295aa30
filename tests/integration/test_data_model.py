"""The page on the data model says what the schema says."""

import psycopg

from tests.data_model import PAGE, render


def test_the_data_model_is_described_as_it_is(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert render(connection) == PAGE.read_text("utf-8"), "run `make data-model`"


def test_every_table_and_column_has_a_comment(database_url: str) -> None:
    query = """
        SELECT c.relname, a.attname FROM pg_class c
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind <> 'v'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
          AND NOT c.relispartition AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
          AND (obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL AND a.attnum IS NOT NULL)
    """
    with psycopg.connect(database_url) as connection:
        assert connection.execute(query).fetchall() == []
