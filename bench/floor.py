"""The floor: one stream that COPYs clean text, 5,000 products a transaction, and merges them set-based."""

import re
from pathlib import Path
from time import perf_counter
from typing import LiteralString, cast

import psycopg

_TEXT = (Path(__file__).parent / "floor.sql").read_text("utf-8")
_PARTS = re.split(r"^-- [a-z_]+ --\n", _TEXT, flags=re.MULTILINE)[1:]
_CLEAN_TEXT, _CREATE, _COPY, _MERGE = (cast(LiteralString, part) for part in _PARTS)
_PRODUCTS = 5000  # a transaction


def rate(url: str) -> float:
    """Products a second at which the rows the hub holds now are merged again, under the floor's pharmacy."""
    with psycopg.connect(url) as connection:
        with connection.cursor().copy(_CLEAN_TEXT) as copy:
            lines = b"".join(copy).splitlines(keepends=True)
        connection.execute(_CREATE)
        connection.commit()
        begun = perf_counter()
        for start in range(0, len(lines), _PRODUCTS):
            with connection.cursor().copy(_COPY) as copy:
                copy.write(b"".join(lines[start : start + _PRODUCTS]))
            connection.execute(_MERGE)
            connection.commit()
        return len(lines) / (perf_counter() - begun)
