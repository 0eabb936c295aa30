"""Method of PostgREST: one statement per chunk of raw JSON, `json_to_recordset`, every conflict updated."""

import re
from pathlib import Path
from time import perf_counter
from typing import LiteralString, cast

import psycopg

from bench.catalogue import Catalogue

_TEXT = (Path(__file__).parent / "recordset.sql").read_text("utf-8")
_CREATE, _UPSERT = (cast(LiteralString, part) for part in re.split(r"^-- [a-z_]+ --\n", _TEXT, flags=re.MULTILINE)[1:])
_CHUNK = 1000


class Recordset:
    """The method on its own table, with one connection."""

    name = "json_to_recordset"

    def __init__(self, database: str) -> None:
        self._database = database
        with psycopg.connect(database) as connection:
            connection.execute(_CREATE)

    def apply(self, catalogue: Catalogue) -> float:
        """Return the seconds of the upserts."""
        records = catalogue.records()
        chunks = [b"[%s]" % b",".join(records[n : n + _CHUNK]) for n in range(0, len(records), _CHUNK)]
        texts = [chunk.decode() for chunk in chunks]
        with psycopg.connect(self._database) as connection:
            started = perf_counter()
            for text in texts:
                connection.execute(_UPSERT, [text])
                connection.commit()
            return perf_counter() - started
