"""Generated posts: real records with new product ids, encoded once and filled in per post."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from urllib.parse import urlsplit

from integrahub.tools.demo.catalogue import KEYS, Record, load_sample

PATH = "/v1/inovafarma/products"
_FIRST_PRODUCT_ID = 1_000_000_000  # ten digits, as all ids after it, so that a template has one size


@dataclass(frozen=True, slots=True)
class Post:
    """One request: its bytes in `blocks`, and its number of records."""

    cnpj: str
    records: int
    blocks: Iterable[bytes]


class Template:
    """A JSON array of records with placeholders for the product ids."""

    def __init__(self, records: list[Record]) -> None:
        self._text = b"[%s]" % b",".join(map(_to_template, records))
        self.records = len(records)
        self.size = len(self.fill(0))

    def fill(self, offset: int) -> bytes:
        """Return the array with consecutive product ids, beginning with the first id plus `offset`."""
        first = _FIRST_PRODUCT_ID + offset
        return self._text % tuple(range(first, first + self.records))


def _to_template(record: Record) -> bytes:
    rest = {name: value for name, value in record.items() if name not in (KEYS.cnpj, KEYS.product_id)}
    text = json.dumps(rest, ensure_ascii=False, separators=(",", ":")).encode()
    return b'{"%s":%%d,' % KEYS.product_id.encode() + text.replace(b"%", b"%%")[1:]


@dataclass(frozen=True, slots=True)
class Heads:
    """Request heads of posts to one hub."""

    address: str
    key: str
    load_type: str
    encoding: str = ""

    def build(self, cnpj: str, size: int) -> bytes:
        """Return the head of a post of `size` bytes for a pharmacy."""
        encoding = f"Content-Encoding: {self.encoding}\r\n" if self.encoding else ""
        return (
            f"POST {PATH}?cnpj={cnpj} HTTP/1.1\r\nHost: {urlsplit(self.address).netloc}\r\n"
            f"Authorization: Bearer {self.key}\r\nX-Inova-Load-Type: {self.load_type}\r\n"
            f"Content-Type: application/json\r\n{encoding}Content-Length: {size}\r\n\r\n"
        ).encode()


def load_real_cnpjs(count: int) -> list[str]:
    """Return the first `count` pharmacies of the packaged list."""
    text = (files("integrahub") / "samples" / "pharmacies.csv").read_text("utf-8")
    return [row["cnpj"] for row in islice(csv.DictReader(text.splitlines()), count)]


@cache
def _templates(size: int) -> list[Template]:
    """Return the sample as templates of `size` records each; repeat the sample if it has fewer records."""
    sample = load_sample()
    records = (sample * -(-size // len(sample)))[:size] if size > len(sample) else sample
    starts = range(0, max(1, len(records) - size + 1), size)
    return [Template(records[start : start + size]) for start in starts]


def generate_small_posts(heads: Heads, cnpjs: list[str], posts: int, records: int) -> Iterator[Post]:
    """Yield posts of a few records, the pharmacies in turn; no product is posted twice."""
    templates = _templates(records)
    for number in range(posts):
        cnpj = cnpjs[number % len(cnpjs)]
        body = templates[number % len(templates)].fill(number // len(cnpjs) * records)
        yield Post(cnpj, records, (heads.build(cnpj, len(body)) + body,))


def generate_equal_posts(heads: Heads, cnpjs: list[str], records: int) -> Iterator[Post]:
    """Yield a post of the same catalogue for each pharmacy; the catalogue is in memory once."""
    body = _templates(records)[0].fill(0)
    for cnpj in cnpjs:
        yield Post(cnpj, records, (heads.build(cnpj, len(body)), body))


def generate_large_post(heads: Heads, cnpj: str, records: int) -> Iterator[Post]:
    """Yield one post of any size, generated while it is sent: only one copy of the sample is in memory."""
    sample = load_sample()
    copies, rest = divmod(records, len(sample))
    parts = [Template(sample)] * copies + ([Template(sample[:rest])] if rest else [])
    size = sum(part.size - 2 for part in parts) + len(parts) + 1  # no inner brackets; commas and the outer brackets
    yield Post(cnpj, records, _join_parts(heads.build(cnpj, size), parts))


def _join_parts(head: bytes, parts: list[Template]) -> Iterator[bytes]:
    yield head
    offset, separator = 0, b"["
    for part in parts:
        yield separator + part.fill(offset)[1:-1]
        offset, separator = offset + part.records, b","
    yield b"]"
