"""Baseline: one stream that COPYs clean text, 5,000 products per transaction, and merges them set-based.

It gets parsed, checked, converted and hashed rows for free. Its rows are in the hub's own table, under its own
pharmacies.
"""

import re
from pathlib import Path
from time import perf_counter
from typing import LiteralString, cast

import psycopg

from bench.catalogue import Catalogue

_TEXT = (Path(__file__).parent / "baseline.sql").read_text("utf-8")
_PARTS = re.split(r"^-- [a-z_]+ --\n", _TEXT, flags=re.MULTILINE)[1:]
_CLEAN_TEXT, _CREATE, _COPY, _MERGE = (cast(LiteralString, part) for part in _PARTS)
_PRODUCTS_PER_TRANSACTION = 5000


class CleanText:
    """Rows of the sample as the hub stores them, from which the text of any catalogue can be made."""

    def __init__(self, lines: list[bytes]) -> None:
        parts = [line.split(b"\t", 2) for line in lines]
        self._hashes = [int(record_hash) for record_hash, _, _ in parts]
        self._rests = [rest for _, _, rest in parts]

    @classmethod
    def read_from(cls, database: str, cnpj: str) -> "CleanText":
        """Read the rows from a hub that has applied the sample for a pharmacy."""
        statement = _CLEAN_TEXT.replace("{cnpj}", cnpj)
        with psycopg.connect(database) as connection, connection.cursor().copy(statement) as copy:
            return cls(b"".join(copy).splitlines(keepends=True))

    def blocks(self, catalogue: Catalogue, pharmacy: int) -> list[bytes]:
        """Return the catalogue for a pharmacy, one block per transaction; a raised price changes the hash."""
        count = len(self._rests)
        lines = [
            b"%d\t%d\t%d\t%.4f\t%s"
            % (
                pharmacy,
                catalogue.first_id + n,
                self._hashes[n % count] + catalogue.raises[n],
                catalogue.price(n),
                self._rests[n % count],
            )
            for n in range(len(catalogue))
        ]
        return [
            b"".join(lines[start : start + _PRODUCTS_PER_TRANSACTION])
            for start in range(0, len(lines), _PRODUCTS_PER_TRANSACTION)
        ]


class Baseline:
    """The baseline on one pharmacy."""

    name = "baseline"

    def __init__(self, database: str, clean: CleanText, pharmacy: int) -> None:
        self._database = database
        self._clean = clean
        self._pharmacy = pharmacy

    def apply(self, catalogue: Catalogue) -> float:
        """Return the seconds of COPY and merge."""
        blocks = self._clean.blocks(catalogue, self._pharmacy)
        with psycopg.connect(self._database) as connection:
            connection.execute(_CREATE)
            connection.commit()
            started = perf_counter()
            for block in blocks:
                with connection.cursor().copy(_COPY) as copy:
                    copy.write(block)
                connection.execute(_MERGE)
                connection.commit()
            return perf_counter() - started
