"""Decoder of chunks into lines of COPY text: column by column if possible, else record by record."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from integrahub.domain.chunks.formats import Chunk, ChunkObject, join_array
from integrahub.domain.copy_text import ESCAPES, NULL
from integrahub.domain.dialects.base import (
    DecodedLines,
    Dialect,
    EncodedRows,
    NormalisedRecords,
    RowOwner,
    Source,
)
from integrahub.domain.products import BLANKS, COLUMNS, NormalisedRow, RecordIssue

Line = tuple[int, str, int]  # product id, row as a line of COPY text, slot of its last record
_MIN_HALVED_RECORDS = 5  # fewer records are normalised rather than halved again
_NEW_PRODUCT = [BLANKS.get(name, NULL) for name in COLUMNS]
_UNCHANGED = [NULL] * len(COLUMNS)


@dataclass(frozen=True, slots=True)
class DecodeContext:
    """Pharmacy and load type of a chunk. Each line begins with `owner`, which ends with a tab."""

    cnpj: str
    load_type: str
    zone: ZoneInfo
    owner: str = ""

    def load_type_of(self, product_id: int, new: Collection[int]) -> str:
        """Return `full` for a new product: a DELTA's record holds all that is known of it."""
        return "full" if product_id in new else self.load_type


@dataclass(frozen=True, slots=True)
class RecordKeys:
    """Product id of each record of a chunk, by slot, and the hash of all records of its product."""

    ids: Sequence[int]
    hashes: Sequence[int]


@dataclass(slots=True)
class DecodeResult:
    """Lines and issues of records. Lines, `merged` and `rejected` add up to the records.

    `unknown` counts records by the key that the dialect does not know.
    """

    lines: list[Line] = field(default_factory=list)
    issues: list[RecordIssue] = field(default_factory=list)
    merged: int = 0
    rejected: int = 0
    unknown: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class ChunkDecoder:
    """Decodes the chunks of one dialect. Records longer than `max_record` bytes are rejected."""

    dialect: Dialect
    max_record: int

    def encode(self, chunk: Chunk, keys: RecordKeys, actions: bytes, owner: RowOwner) -> EncodedRows | None:
        """Return binary rows of a chunk, made by the kernel; None if there is no kernel or it refuses a record."""
        kernel, ids = self.dialect.kernel, keys.ids
        if kernel is None or 0 in ids or len(set(ids)) < len(ids):
            return None
        records = chunk.json_text()
        if records is None:
            return None
        return kernel.encode_rows(records, _to_array(ids), _to_array(keys.hashes), actions, owner)

    def decode(
        self, chunk: Chunk, slots: Sequence[int], keys: RecordKeys, new: set[int], context: DecodeContext
    ) -> DecodeResult:
        """Decode the records in some slots of a chunk.

        Lines of `new` products hold blanks for what a DELTA does not carry, lines of other products NULL.
        """
        if not slots:
            return DecodeResult()
        is_delta = context.load_type == "delta"
        load_types = {context.load_type_of(keys.ids[slot], new) for slot in slots} if is_delta else {"full"}
        # Two records of one product may stand in different parts of the chunk, and no part would notice.
        is_single = len(slots) == len(keys.ids) == len(set(keys.ids))
        if is_single and len(load_types) == 1:
            lines = self._decode_whole(chunk, keys, context, load_types.pop())
            if lines:
                return DecodeResult(lines)
        return _SlotReader(self, chunk.to_object(), keys, new, context).read(slots)

    def _decode_whole(self, chunk: Chunk, keys: RecordKeys, context: DecodeContext, load_type: str) -> list[Line]:
        """Return a line for each record of the chunk; nothing if any record needs the slow path."""
        lines: list[Line] = []
        for records in chunk.json_arrays():
            hashes = keys.hashes[len(lines) :]
            part = self.dialect.decode_columns(
                records, hashes, cnpj=context.cnpj, load_type=load_type, owner=context.owner
            )
            if part is None:
                return []
            lines += _with_slots(part, range(len(lines), len(lines) + len(part.ids)))
        return lines if [line[0] for line in lines] == list(keys.ids) else []

    def normalise(
        self, records: Sequence[Source], context: DecodeContext, new: Collection[int] = frozenset()
    ) -> NormalisedRecords:
        """Check records one by one; `new` as in `Dialect.normalise`."""
        return self.dialect.normalise(
            records,
            cnpj=context.cnpj,
            load_type=context.load_type,
            zone=context.zone,
            max_record=self.max_record,
            new=new,
        )

    def label(self, issues: Sequence[RecordIssue], chunk: Chunk) -> list[RecordIssue]:
        """Return the issues of a chunk with the EAN of their record, and the key as the client spelled it."""
        if not issues:
            return []
        stored, read = chunk.to_object(), self.dialect.label_record
        slots = dict(zip(stored.positions, range(len(stored.positions)), strict=True))
        labels = {position: read(stored.record(slots[position])) for position in {i.position for i in issues}}
        pairs = [(issue, labels[issue.position]) for issue in issues]
        return [replace(issue, ean=label.ean, key=label.keys.get(issue.field, "")) for issue, label in pairs]


def _to_array(numbers: Sequence[int]) -> "array[int]":
    return numbers if isinstance(numbers, array) else array("q", numbers)


def _with_slots(part: DecodedLines, slots: Iterable[int]) -> list[Line]:
    return list(zip(part.ids, part.texts, slots, strict=True))


class _SlotReader:
    """Decodes ever smaller parts of a chunk by columns, and the records that are left one by one."""

    def __init__(
        self, decoder: ChunkDecoder, chunk: ChunkObject, keys: RecordKeys, new: set[int], context: DecodeContext
    ) -> None:
        self._decoder = decoder
        self._chunk = chunk
        self._ids = keys.ids
        self._hashes = keys.hashes
        self._new = new if context.load_type == "delta" else set()
        self._context = context
        self._result = DecodeResult()
        self._unusual: list[int] = []

    def read(self, slots: Sequence[int]) -> DecodeResult:
        times = Counter(self._ids[slot] for slot in slots)
        by_load_type: dict[str, list[int]] = {"full": [], "delta": []}
        for slot in slots:
            is_usual = times[self._ids[slot]] == 1 and self._can_be_usual(slot)
            load_type = self._context.load_type_of(self._ids[slot], self._new)
            (by_load_type[load_type] if is_usual else self._unusual).append(slot)
        for load_type, usual in by_load_type.items():
            self._decode_columns(usual, load_type)
        self._normalise()
        return self._result

    def _can_be_usual(self, slot: int) -> bool:
        chunk = self._chunk
        is_whole = slot not in chunk.oversize and len(chunk.records[slot]) <= self._decoder.max_record
        return self._ids[slot] > 0 and is_whole

    def _decode_columns(self, slots: Sequence[int], load_type: str) -> None:
        if len(slots) < _MIN_HALVED_RECORDS:
            self._unusual += slots
            return
        text = join_array(self._chunk.records[slot] for slot in slots)
        hashes, context = [self._hashes[slot] for slot in slots], self._context
        part = self._decoder.dialect.decode_columns(
            text, hashes, cnpj=context.cnpj, load_type=load_type, owner=context.owner
        )
        if part:
            self._result.lines += _with_slots(part, slots)
            return
        half = len(slots) // 2
        self._decode_columns(slots[:half], load_type)
        self._decode_columns(slots[half:], load_type)

    def _normalise(self) -> None:
        chunk, slots = self._chunk, sorted(self._unusual)
        sources = [(chunk.positions[s], chunk.offsets[s], self._ids[s], chunk.record(s)) for s in slots]
        normal = self._decoder.normalise(sources, self._context, self._new)
        slot_of = dict(zip((source[0] for source in sources), slots, strict=True))
        with_issues = {issue.product_id for issue in normal.issues}
        for row in normal.products:
            slot = slot_of[row.position]
            # Without a hash a product is decoded again in the next batch, so that its issues are reported again.
            digest = NULL if str(row.product_id) in with_issues else str(self._hashes[slot])
            text = "\t".join([digest, str(row.product_id), self._columns(row)])
            self._result.lines.append((row.product_id, f"{self._context.owner}{text}\n", slot))
        self._result.issues += normal.issues
        self._result.merged += normal.merged
        self._result.rejected += normal.rejected
        self._result.unknown += normal.unknown

    def _columns(self, row: NormalisedRow) -> str:
        blanks = _NEW_PRODUCT if row.product_id in self._new else _UNCHANGED
        texts = (blank if v is None else v.translate(ESCAPES) for v, blank in zip(row.columns, blanks, strict=True))
        return "\t".join(texts)
