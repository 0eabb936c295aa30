"""Differential fuzzing of the kernel: it cuts, identifies, hashes and converts as the Python reference does."""

import os
import random
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql

from integrahub.db.arrays import BINARY_COPY_HEADER, BINARY_COPY_TRAILER
from integrahub.domain.chunks.formats import BodySlice
from integrahub.domain.dialects.base import KernelUnavailable, RowAction, RowOwner
from integrahub.domain.dialects.decode import ChunkDecoder, DecodeContext, RecordKeys
from integrahub.domain.dialects.inovafarma.dialect import InovaFarma
from integrahub.domain.dialects.inovafarma.identify import derive_seed, hash_record, identify_all
from integrahub.domain.dialects.inovafarma.native import kernel as binding
from integrahub.domain.dialects.inovafarma.native.kernel import InovaFarmaKernel
from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.kernel_reader import CutStatus, RunReader, create_run_reader
from integrahub.domain.parsing.raw_records import CutRecords
from integrahub.domain.parsing.reader import OversizeRecord, Record, read_all
from integrahub.domain.products import COLUMNS
from tests.fuzz.kernel_records import CNPJ, LONG_NUMBERS, NUMBER_KEYS, body, mutated, real_body

_BODIES = 400  # at least, and for an hour of each test in the long run
_CHUNKS = 250
_LONG_SECONDS = 3600.0
_MAX_RECORD = 4096
_ZONE, _BATCH = ZoneInfo("America/Sao_Paulo"), UUID("00000000-0000-4000-8000-000000000001")
_SENT = ("pharmacy_id", "batch_id", "record_hash", "product_id", *COLUMNS)
pytestmark = pytest.mark.kernel
Found = list[tuple[int, Record, int, int]]  # offset, text, product id, hash


@pytest.fixture(scope="module")
def kernel() -> InovaFarmaKernel:
    """Load the kernel of this machine."""
    try:
        return InovaFarmaKernel()
    except KernelUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def draw() -> random.Random:
    seed = os.environ.get("IHUB_SEED") or str(random.randrange(1 << 32))
    print(f"IHUB_SEED={seed}")
    return random.Random(seed)


def _rounds(least: int) -> Iterator[int]:
    """Count up to `least`, and on for an hour in the long run."""
    end, count = monotonic() + _LONG_SECONDS, 0
    while count < least or (os.environ.get("IHUB_LONG") and monotonic() < end):
        yield count
        count += 1


def _read(reader: RunReader, blocks: list[bytes], seed: int, cuts: Counter[str]) -> Found | tuple[str, object]:
    """Read a body in blocks; return its records, or the code and facts of its error."""
    found: Found = []
    try:
        for runs in [*map(reader.read, blocks), None]:
            for run in reader.end() if runs is None else runs:
                if isinstance(run, CutRecords):
                    found += zip(run.offsets, run.records, run.ids, run.hashes, strict=True)
                    cuts["by the kernel"] += len(run)
                    continue
                for offset, record, product_id in zip(run.offsets, run.records, identify_all(run.records), strict=True):
                    raw = record if isinstance(record, OversizeRecord) else bytes(record)
                    digest = hash_record(raw, seed) if isinstance(raw, bytes) else 0
                    found.append((offset, raw, product_id, digest))
                    cuts["in Python"] += 1
    except BodyError as error:
        cuts["with an error"] += 1
        return error.code, error.facts
    return found


def test_records_ids_hashes_and_errors_of_any_body_equal_the_reference(
    kernel: InovaFarmaKernel, draw: random.Random
) -> None:
    cuts, unused = Counter[str](), Counter[str]()
    for _ in _rounds(_BODIES):
        sent = body(draw, draw.choice((1, 3, 8, 40)), draw.choice((0, 0.2, 1)))
        if draw.random() < 0.1:
            sent = real_body(draw, 30)
        if draw.random() < 0.4:
            sent = mutated(draw, sent)
        if draw.random() < 0.05:
            sent = b"\xef\xbb\xbf" + sent
        size, seed = draw.choice((1, 7, 64, 300, 5000, 1 << 20)), derive_seed("full", "America/Sao_Paulo")
        blocks = [sent[start : start + size] for start in range(0, len(sent), size)]
        expected = _read(create_run_reader("application/json", _MAX_RECORD, None), blocks, seed, unused)
        cutter = kernel.create_cutter(seed, _MAX_RECORD)
        assert _read(create_run_reader("application/json", _MAX_RECORD, cutter), blocks, seed, cuts) == expected, sent
    print(dict(cuts))
    assert min(cuts["by the kernel"], cuts["in Python"]) > _BODIES
    assert cuts["with an error"] > _BODIES / 20


def _tables(connection: psycopg.Connection) -> None:
    """Create tables with the columns and types of `products`, and without its constraints."""
    sent = sql.SQL(", ").join(map(sql.Identifier, _SENT))
    for table in ("by_kernel", "by_reference"):
        query = sql.SQL("CREATE TEMP TABLE {} AS SELECT 0 AS chunk_index, {} FROM products WITH NO DATA")
        connection.execute(query.format(sql.Identifier(table), sent))


def _copy(connection: psycopg.Connection, table: str, columns: tuple[str, ...], rows: bytes, form: str) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    copy = sql.SQL("COPY {} ({}) FROM STDIN ").format(sql.Identifier(table), names) + sql.SQL(form)
    with connection.cursor().copy(copy) as target:
        target.write(rows)


def _compare(connection: psycopg.Connection) -> None:
    """Compare both tables as PostgreSQL holds them, and empty them."""
    for one, other in (("by_kernel", "by_reference"), ("by_reference", "by_kernel")):
        query = f"SELECT t::text FROM {one} t EXCEPT ALL SELECT t::text FROM {other} t LIMIT 3"
        assert connection.execute(query).fetchall() == [], one  # type: ignore[call-overload]
    connection.execute("TRUNCATE by_kernel, by_reference")


def _actions(draw: random.Random, ids: list[int], load_type: str) -> bytes:
    update = RowAction.UPDATE_FULL if load_type == "full" else RowAction.UPDATE_DELTA
    choices = draw.choice(([RowAction.INSERT], [update], [RowAction.INSERT, update, RowAction.SKIP]))
    return bytes(draw.choice(choices) for _ in ids)


def test_rows_of_any_chunk_are_held_as_those_of_the_reference(
    kernel: InovaFarmaKernel, draw: random.Random, database_url: str
) -> None:
    with_kernel, reference = (ChunkDecoder(InovaFarma(each), 65536) for each in (kernel, None))
    counts = Counter[str]()
    with psycopg.connect(database_url, autocommit=True) as connection:
        _tables(connection)
        for number in _rounds(_CHUNKS):
            sent = real_body(draw, 40) if draw.random() < 0.1 else body(draw, 20, draw.choice((0, 0.1, 1)))
            raw = read_all(sent, "application/json", 65536)
            records = [bytes(record) for record in raw.records if not isinstance(record, OversizeRecord)]
            load_type, text = draw.choice(("full", "delta")), sent[1:-1]
            ids = identify_all(records)
            hashes = array("q", (hash_record(record, 7) for record in records))
            keys, actions = RecordKeys(ids, hashes), _actions(draw, ids, load_type)
            chunk = BodySlice(text, "application/json", 1, 0)
            rows = with_kernel.encode(chunk, keys, actions, RowOwner(7, _BATCH, CNPJ, 3))
            counts["refused" if rows is None else "encoded"] += 1
            if rows is None:
                continue
            _copy_binary(connection, rows.new, rows.staged)
            new = {product_id for product_id, action in zip(ids, actions, strict=True) if action == RowAction.INSERT}
            slots = [slot for slot, action in enumerate(actions) if action]
            context = DecodeContext(CNPJ, load_type, _ZONE, f"7\t{_BATCH}\t")
            decoded = reference.decode(chunk, slots, keys, new, context)
            assert (decoded.issues, decoded.merged, decoded.rejected, decoded.unknown) == ([], 0, 0, {}), sent
            lines = [(line[1], line[0] in new) for line in decoded.lines]
            _copy(connection, "by_reference", _SENT, "".join(line for line, is_new in lines if is_new).encode(), "")
            staged = "".join(f"3\t{line}" for line, is_new in lines if not is_new).encode()
            _copy(connection, "by_reference", ("chunk_index", *_SENT), staged, "")
            if number % 10 == 9:
                _compare(connection)
        _compare(connection)
    print(dict(counts))
    assert min(counts["encoded"], counts["refused"]) > _CHUNKS / 5


def _copy_binary(connection: psycopg.Connection, new: memoryview, staged: memoryview) -> None:
    for columns, rows in ((_SENT, new), (("chunk_index", *_SENT), staged)):
        content = b"".join([BINARY_COPY_HEADER, rows, BINARY_COPY_TRAILER])
        _copy(connection, "by_kernel", columns, content, "(FORMAT binary)")


@pytest.mark.parametrize("key", NUMBER_KEYS)
def test_a_number_in_text_of_too_many_characters_is_left_to_the_reference(kernel: InovaFarmaKernel, key: str) -> None:
    def is_encoded(number: str) -> bool:
        record = f'{{"PRODUCTID":1,"TITLE":"t","{key}":{number}}}'.encode()
        hashes, owner = array("q", [hash_record(record, 7)]), RowOwner(7, _BATCH, CNPJ, 3)
        actions = bytes([RowAction.UPDATE_DELTA])
        return kernel.encode_rows(record, array("q", [1]), hashes, actions, owner) is not None

    assert [is_encoded(number) for number in LONG_NUMBERS] == [False, False, False]
    assert is_encoded(f'"{"0" * 99}1"')


def test_a_cut_says_why_it_ended(kernel: InovaFarmaKernel) -> None:
    plain, odd = b'{"PRODUCTID":1}', b'{"PRODUCTID":"x"}'
    ends = {
        plain + b"," + plain[:5]: CutStatus.NEEDS_MORE,
        plain + b"," + odd: CutStatus.NOT_PLAIN,
        plain + b" ]": CutStatus.ARRAY_ENDED,
        b",".join([plain] * 5000): CutStatus.NO_ROOM,
    }
    cutter = kernel.create_cutter(0, 1000)
    assert {sent: cutter.cut(sent, 0, 0, at_record=True).status for sent in ends} == ends
    long = b'{"PRODUCTID":1,"TITLE":"' + b"x" * 2000
    assert cutter.cut(long, 0, 0, at_record=True).status is CutStatus.NOT_PLAIN  # it grows without end


def test_a_library_of_another_layout_or_of_other_sources_or_none_is_refused(
    kernel: InovaFarmaKernel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(KernelUnavailable, match="not built"):
        InovaFarmaKernel(tmp_path / "libkernel.so")
    with pytest.raises(KernelUnavailable, match="cannot be loaded"):
        InovaFarmaKernel(Path(__file__))
    with monkeypatch.context() as changed:
        changed.setattr(binding, "digest_sources", lambda: 7)
        with pytest.raises(KernelUnavailable, match="other sources; run `make kernel`"):
            InovaFarmaKernel()
        changed.setattr(binding, "digest_sources", lambda: None)
        InovaFarmaKernel()  # whose sources are not installed
    monkeypatch.setattr(binding, "_LAYOUT", (*binding._LAYOUT[:2], 0, binding._LAYOUT[3]))
    with pytest.raises(KernelUnavailable, match="another version"):
        InovaFarmaKernel()
