"""Bodies of posts: compressed while they are sent, from files and from records."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zstandard

from integrahub.client import InvalidCatalogue
from integrahub.client.uploads import open_catalogue, open_spool


def _decoded(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(body).read()


def test_a_large_plain_file_is_compressed_while_it_is_sent(tmp_path: Path) -> None:
    content = json.dumps([{"PRODUCTID": number, "TITLE": "Dipirona"} for number in range(30_000)]).encode()
    (tmp_path / "full.json").write_bytes(content)
    sent: list[int] = []
    with open_catalogue(tmp_path / "full.json") as catalogue:
        headers = catalogue.headers("full")
        body = b"".join(catalogue.blocks(sent.append))
        assert b"".join(catalogue.blocks(sent.append)) == body
    assert headers["Content-Encoding"] == "zstd" and "Content-Length" not in headers
    assert _decoded(body) == content and len(body) < len(content) / 5
    assert sent[0] == 0 and max(sent) == len(content)


@pytest.mark.parametrize("content", [b'[{"PRODUCTID": 1}]', gzip.compress(b'[{"PRODUCTID": 1}]' + b" " * 100_000)])
def test_small_and_compressed_files_are_sent_as_they_are(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "full").write_bytes(content)
    with open_catalogue(tmp_path / "full") as catalogue:
        assert catalogue.headers("full")["Content-Length"] == str(len(content))
        assert b"".join(catalogue.blocks(lambda _: None)) == content


def test_ndjson_states_its_number_of_records(tmp_path: Path) -> None:
    (tmp_path / "full.ndjson").write_bytes(b'{"PRODUCTID": 1}\n\n{"PRODUCTID": 2}')
    with open_catalogue(tmp_path / "full.ndjson") as catalogue:
        assert catalogue.headers("full")["X-Inova-Item-Count"] == "2"


@dataclass
class _Product:
    PRODUCTID: int
    PRICE: Decimal


def test_records_become_a_compressed_array_that_can_be_sent_again() -> None:
    def records() -> Iterator[Any]:
        yield {"PRODUCTID": 1, "TITLE": "Água"}
        yield _Product(2, Decimal("12.50"))

    with open_spool() as spool:
        for record in records():
            spool.add(record)
        catalogue = spool.finish()
        first, second = (b"".join(catalogue.blocks(lambda _: None)) for _ in range(2))
        assert catalogue.headers("delta")["Content-Length"] == str(len(first)) and first == second
    expected = [{"PRODUCTID": 1, "TITLE": "Água"}, {"PRODUCTID": 2, "PRICE": "12.50"}]
    assert json.loads(_decoded(first)) == expected
    assert not catalogue.path.exists()


def test_no_record_and_a_record_that_is_no_json_are_refused() -> None:
    with open_spool() as spool, pytest.raises(InvalidCatalogue, match="no record"):
        spool.finish()
    with open_spool() as spool, pytest.raises(InvalidCatalogue, match="Record 0"):
        spool.add(object())
