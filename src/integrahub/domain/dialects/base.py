"""Port of an ERP dialect: how an ERP writes records, and what they mean as products.

A dialect is one folder. `hub/adapters.py` chooses it and passes it to the modules that need it.
"""

from array import array
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from integrahub.domain.parsing.kernel_reader import RecordCutter
from integrahub.domain.parsing.raw_records import OversizeRecord, Record
from integrahub.domain.products import NormalisedRow, RecordIssue

Source = tuple[int, int, int, bytes | OversizeRecord]  # position, byte offset, product id (0: unreadable), raw text


class FirstRecord(msgspec.Struct, frozen=True):
    """Pharmacy named by the first record of a body. `problem` is an error code if the body holds no record."""

    cnpj: str = ""
    name: str = ""
    city: str = ""
    state: str = ""
    problem: str = ""


class KeyNames(msgspec.Struct, frozen=True):
    """Keys of a record that issues and examples name, and that programs write which post samples."""

    cnpj: str
    product_id: str
    title: str
    price: str
    stock: str
    ean: str


class RecordLabel(msgspec.Struct, frozen=True):
    """What a report shows of a record: its EAN, and its keys as the client spelled them, by the dialect's names."""

    ean: str = ""
    keys: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class DecodedLines:
    """Product ids of records, and their rows as lines of COPY text."""

    ids: Sequence[int]
    texts: Sequence[str]


@dataclass(slots=True)
class NormalisedRecords:
    """Product rows and issues of records. Rows, `merged` and `rejected` add up to the records.

    `unknown` counts records by the key that the dialect does not know, as the client spelled it.
    """

    products: list[NormalisedRow] = field(default_factory=list)
    issues: list[RecordIssue] = field(default_factory=list)
    merged: int = 0
    rejected: int = 0
    unknown: Counter[str] = field(default_factory=Counter)


class KernelUnavailable(Exception):
    """There is no compiled kernel for this platform and version, so that all work is done in Python."""


class RowOwner(NamedTuple):
    """What all rows of a chunk have in common. `chunk_index` is the index of the chunk within its merge."""

    pharmacy_id: int
    batch_id: UUID
    cnpj: str
    chunk_index: int


class RowAction(IntEnum):
    """What becomes of a record in `RecordKernel.encode_rows`."""

    SKIP = 0
    INSERT = 1
    UPDATE_DELTA = 2
    UPDATE_FULL = 3


class EncodedRows(NamedTuple):
    """Rows in PostgreSQL's binary format of COPY without its header: of `products`, and of the merge's stage."""

    new: memoryview
    staged: memoryview


class RecordKernel(Protocol):
    """Compiled twin of a dialect for plain records. It reads a record as the Python code does, or refuses it."""

    version: str

    def create_cutter(self, seed: int, max_record: int) -> RecordCutter:
        """Create a cutter for bodies, read one after the other; `seed` is that of the hashes, `max_record` in bytes."""
        ...

    def encode_rows(
        self, records: bytes, ids: "array[int]", hashes: "array[int]", actions: bytes, owner: RowOwner
    ) -> EncodedRows | None:
        """Convert the records of a chunk, a JSON array without brackets; None if any record is not plain.

        `actions` has one `RowAction` a record. A product has one record. A negative id belongs to a later chunk.
        """
        ...


class RecordIdentifier(Protocol):
    """Product ids and hashes of raw records. Never raises for what a client may send."""

    @property
    def kernel(self) -> RecordKernel | None:
        """The compiled twin, if it is loaded and switched on."""
        ...

    def derive_seed(self, load_type: str, time_zone: str) -> int:
        """Return the seed of record hashes. It differs for all that changes a record's meaning, also per dialect."""
        ...

    def identify_all(self, records: Sequence[Record]) -> list[int]:
        """Return the product id of each record; 0 if it cannot be read."""
        ...

    def identify_and_hash(
        self, records: Sequence[msgspec.Raw | bytes], seed: int
    ) -> "tuple[list[int], list[bytes], array[int]]":
        """Return product ids, raw texts and hashes of records."""
        ...

    def hash_record(self, raw: bytes, seed: int) -> int:
        """Return the hash of one record as a bigint, without keys that do not belong to the product."""
        ...


class RecordDecoder(Protocol):
    """Product rows made of raw records. Never raises for what a client may send."""

    keys: KeyNames

    def decode_columns(
        self, records: bytes, hashes: Sequence[int], *, cnpj: str, load_type: str, owner: str = ""
    ) -> DecodedLines | None:
        """Decode a JSON array of records column by column; None if any needs `normalise`.

        A line holds `owner`, which ends with a tab, then the hash, the product id and `products.COLUMNS`. `hashes` may
        be longer than the records. A record that `normalise` rejects, warns of or merges must yield None.
        """
        ...

    def normalise(
        self,
        records: Sequence[Source],
        *,
        cnpj: str,
        load_type: str,
        zone: ZoneInfo,
        max_record: int,
        new: Collection[int] = frozenset(),
    ) -> NormalisedRecords:
        """Check records one by one and merge the records of each product, in order.

        `new` holds ids of products that are not in the table: a DELTA's records of these must name the whole product.
        """
        ...

    def label_record(self, raw: bytes | OversizeRecord) -> RecordLabel:
        """Return the label of a record; an empty one for a record that cannot be read."""
        ...

    def find_missing(self, columns: Sequence[str | None]) -> tuple[str, str] | None:
        """Return the key and the code of what a product lacks to be inserted; None if nothing."""
        ...


class Dialect(RecordIdentifier, RecordDecoder, Protocol):
    """All that the hub needs to know of an ERP."""

    schema_path: str  # URL path of the JSON Schema

    def read_first_record(self, head: bytes, media_type: str) -> FirstRecord:
        """Return the pharmacy that the first record names; `head` is the beginning of a decoded body."""
        ...

    def export(self, row: dict[str, Any], cnpj: str) -> dict[str, Any]:
        """Return a product row as a record that the ERP could post."""
        ...

    def describe_record(self) -> dict[str, Any]:
        """Return a short OpenAPI schema of one record, with an example. The exact rules are `json_schema`."""
        ...

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of one record."""
        ...
