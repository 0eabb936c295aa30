"""The lines of a chunk: read at once where records are as usual, record by record where they are not."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from integrahub.domain.chunks.builder import Chunk, ChunkObject, array_of
from integrahub.domain.dialects.inovafarma.decode_columns import ESCAPES, NULL, DecodedLines, usual_lines
from integrahub.domain.dialects.inovafarma.normalise import normalise
from integrahub.domain.products import COLUMNS, TEXTS, RecordIssue

Line = tuple[int, str, bool, int]  # product id, row as a line of COPY text, whether titled, slot of its last record
_FEW = 4  # records that are read one by one rather than halved again
_BLANKS = [NULL if name not in TEXTS else "" for name in COLUMNS]
_BLANKS[COLUMNS.index("price_promos")] = "{}"


@dataclass(frozen=True, slots=True)
class DecodeContext:
    """How a chunk is to be read; `max_record` in bytes. Each line begins with `owner`, which ends with a tab."""

    cnpj: str
    load_type: str
    zone: ZoneInfo
    max_record: int
    owner: str

    def usual(self, records: bytes, hashes: Sequence[int], kind: str) -> DecodedLines | None:
        """The lines of a JSON array of records, when all are as usual; there may be more hashes than records."""
        return usual_lines(records, hashes, cnpj=self.cnpj, load_type=kind, owner=self.owner)

    def kind(self, product_id: int, new: Collection[int]) -> str:
        """As what a record is read: a DELTA's record of a new product is all that is known of it, like a FULL's."""
        return "full" if product_id in new else self.load_type


@dataclass(frozen=True, slots=True)
class RecordKeys:
    """What is known of a chunk's records by slot: product ids, and hashes of all the product's records."""

    ids: Sequence[int]
    hashes: Sequence[int]


@dataclass(slots=True)
class DecodeResult:
    """What records came to: lines, `merged` and `rejected` add up to them. Faults are told by slot's position."""

    lines: list[Line] = field(default_factory=list)
    faults: list[RecordIssue] = field(default_factory=list)
    merged: int = 0
    rejected: int = 0


def read_lines(
    chunk: Chunk, slots: Sequence[int], marks: RecordKeys, new: set[int], dialect: DecodeContext
) -> DecodeResult:
    """The records in some slots of a chunk.

    A DELTA's lines of `new` products hold blanks for what it does not carry; those of others NULL: stays.
    """
    if not slots:
        return DecodeResult()
    kinds = {dialect.kind(marks.ids[slot], new) for slot in slots} if dialect.load_type == "delta" else {"full"}
    # A repeat may stand in another part of the chunk than the product's first record: no part would notice it.
    is_single = len(slots) == len(marks.ids) == len(set(marks.ids))
    if is_single and len(kinds) == 1:
        lines = _usual(chunk, marks, dialect, kinds.pop())
        if lines:
            return DecodeResult(lines)
    return _Reader(chunk.cut(), marks, new, dialect).read(slots)


def _usual(chunk: Chunk, marks: RecordKeys, dialect: DecodeContext, kind: str) -> list[Line]:
    """The lines of a chunk, nothing unless all its records are as usual."""
    lines: list[Line] = []
    for records in chunk.arrays():
        usual = dialect.usual(records, marks.hashes[len(lines) :], kind)
        if usual is None:
            return []
        lines += _numbered(usual, range(len(lines), len(lines) + len(usual.ids)))
    return lines if [line[0] for line in lines] == list(marks.ids) else []


def _numbered(usual: DecodedLines, slots: Iterable[int]) -> list[Line]:
    return list(zip(usual.ids, usual.texts, usual.titled, slots, strict=True))


class _Reader:
    """Tries parts of a chunk at once, smaller and smaller ones; what is left is read record by record."""

    def __init__(self, payload: ChunkObject, marks: RecordKeys, new: set[int], dialect: DecodeContext) -> None:
        self._payload = payload
        self._ids = marks.ids
        self._hashes = marks.hashes
        self._new = new if dialect.load_type == "delta" else set()
        self._dialect = dialect
        self._reading = DecodeResult()
        self._odd: list[int] = []

    def read(self, slots: Sequence[int]) -> DecodeResult:
        times = Counter(self._ids[slot] for slot in slots)
        plain: dict[str, list[int]] = {"full": [], "delta": []}
        for slot in slots:
            usual = times[self._ids[slot]] == 1 and self._may_be_usual(slot)
            (plain[self._dialect.kind(self._ids[slot], self._new)] if usual else self._odd).append(slot)
        for kind, alike in plain.items():
            self._read_at_once(alike, kind)
        self._read_one_by_one()
        return self._reading

    def _may_be_usual(self, slot: int) -> bool:
        kept = slot not in self._payload.oversize and len(self._payload.records[slot]) <= self._dialect.max_record
        return self._ids[slot] > 0 and kept

    def _read_at_once(self, slots: Sequence[int], kind: str) -> None:
        if len(slots) <= _FEW:
            self._odd += slots
            return
        text = array_of(self._payload.records[slot] for slot in slots)
        usual = self._dialect.usual(text, [self._hashes[slot] for slot in slots], kind)
        if usual:
            self._reading.lines += _numbered(usual, slots)
            return
        half = len(slots) // 2
        self._read_at_once(slots[:half], kind)
        self._read_at_once(slots[half:], kind)

    def _read_one_by_one(self) -> None:
        payload, dialect = self._payload, self._dialect
        odd = sorted(self._odd)
        sources = [(payload.positions[s], payload.offsets[s], self._ids[s], payload.record(s)) for s in odd]
        normal = normalise(
            sources,
            cnpj=dialect.cnpj,
            load_type=dialect.load_type,
            zone=dialect.zone,
            max_record=dialect.max_record,
            new=self._new,
        )
        slot_of = dict(zip((source[0] for source in sources), odd, strict=True))
        faulty = {fault.product_id for fault in normal.faults}
        for row in normal.products:
            slot = slot_of[row[1 + len(COLUMNS)]]
            # A product with faults is looked at again each time, so that they are reported again.
            digest = NULL if str(row[0]) in faulty else str(self._hashes[slot])
            text = "\t".join([digest, str(row[0]), self._columns(row)])
            self._reading.lines.append((row[0], f"{dialect.owner}{text}\n", bool(row[1]), slot))
        self._reading.faults += normal.faults
        self._reading.merged += normal.merged
        self._reading.rejected += normal.rejected

    def _columns(self, row: Sequence[Any]) -> str:
        values = row[1 : 1 + len(COLUMNS)]
        blanks = _BLANKS if row[0] in self._new else [NULL] * len(COLUMNS)
        shown = (blank if v is None else v.translate(ESCAPES) for v, blank in zip(values, blanks, strict=True))
        return "\t".join(shown)
