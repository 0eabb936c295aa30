"""What is posted: real records under new product ids, encoded once and filled in per post."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from urllib.parse import urlsplit

from integrahub.tools.demo.catalogue import Record, load_sample

PATH = "/v1/inovafarma/products"
_FIRST_ID = 1_000_000_000  # ten digits, and so are all that follow: a template has one size


@dataclass(frozen=True, slots=True)
class Post:
    """One request as it goes over the wire: `blocks` begin with its head; `records` it holds for `cnpj`."""

    cnpj: str
    records: int
    blocks: Iterable[bytes]


class Template:
    """Records as a JSON array whose product ids are left open."""

    def __init__(self, records: list[Record]) -> None:
        self._text = b"[%s]" % b",".join(map(_open_record, records))
        self.records = len(records)
        self.size = len(self.fill(0))

    def fill(self, taken: int) -> bytes:
        """The array with product ids that follow the `taken` first ones."""
        first = _FIRST_ID + taken
        return self._text % tuple(range(first, first + self.records))


def _open_record(record: Record) -> bytes:
    rest = {name: value for name, value in record.items() if name not in ("CNPJ", "PRODUCTID")}
    text = json.dumps(rest, ensure_ascii=False, separators=(",", ":")).encode()
    return b'{"PRODUCTID":%d,' + text.replace(b"%", b"%%")[1:]


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads of posts to one hub, each complete but for its length."""

    address: str
    key: str
    load_type: str
    encoding: str = ""

    def of(self, cnpj: str, size: int) -> bytes:
        """The head of a post of `size` bytes for a pharmacy."""
        encoding = f"Content-Encoding: {self.encoding}\r\n" if self.encoding else ""
        return (
            f"POST {PATH}?cnpj={cnpj} HTTP/1.1\r\nHost: {urlsplit(self.address).netloc}\r\n"
            f"Authorization: Bearer {self.key}\r\nX-Inova-Load-Type: {self.load_type}\r\n"
            f"Content-Type: application/json\r\n{encoding}Content-Length: {size}\r\n\r\n"
        ).encode()


def real_cnpjs(count: int) -> list[str]:
    """The first so many pharmacies of the packaged list."""
    text = (files("integrahub") / "samples" / "pharmacies.csv").read_text("utf-8")
    return [row["cnpj"] for row in islice(csv.DictReader(text.splitlines()), count)]


@cache
def _templates(records: int) -> list[Template]:
    """The sample cut into posts of so many records."""
    every = _repeated(records) if records > len(load_sample()) else load_sample()
    starts = range(0, max(1, len(every) - records + 1), records)
    return [Template(every[start : start + records]) for start in starts]


def _repeated(records: int) -> list[Record]:
    every = load_sample()
    return (every * -(-records // len(every)))[:records]


def small_posts(heads: Heads, cnpjs: list[str], posts: int, records: int) -> Iterator[Post]:
    """Posts of a few records, the pharmacies in turn; no product is posted twice."""
    templates = _templates(records)
    for number in range(posts):
        cnpj = cnpjs[number % len(cnpjs)]
        body = templates[number % len(templates)].fill(number // len(cnpjs) * records)
        yield Post(cnpj, records, (heads.of(cnpj, len(body)) + body,))


def one_each(heads: Heads, cnpjs: list[str], records: int) -> Iterator[Post]:
    """The same catalogue for each pharmacy; it is in memory once."""
    body = _templates(records)[0].fill(0)
    for cnpj in cnpjs:
        yield Post(cnpj, records, (heads.of(cnpj, len(body)), body))


def one_large(heads: Heads, cnpj: str, records: int) -> Iterator[Post]:
    """One post of any size, made while it is sent: no more than one copy of the sample is in memory."""
    every = load_sample()
    copies, rest = divmod(records, len(every))
    parts = [Template(every)] * copies + ([Template(every[:rest])] if rest else [])
    size = sum(part.size - 2 for part in parts) + len(parts) + 1  # without their brackets, with commas and two
    yield Post(cnpj, records, _blocks(heads.of(cnpj, size), parts))


def _blocks(head: bytes, parts: list[Template]) -> Iterator[bytes]:
    yield head
    taken, before = 0, b"["
    for part in parts:
        yield before + part.fill(taken)[1:-1]
        taken, before = taken + part.records, b","
    yield b"]"
