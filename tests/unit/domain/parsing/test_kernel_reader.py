"""How often the kernel is tried, and what a chunk holds of the records that it cut."""

import pytest

from integrahub.domain.chunks.builder import ChunkBuilder
from integrahub.domain.dialects.base import KernelUnavailable
from integrahub.domain.dialects.inovafarma.native.kernel import InovaFarmaKernel
from integrahub.domain.parsing.kernel_reader import CutResult, RecordCutter, create_run_reader
from integrahub.domain.parsing.raw_records import CutRecords, RawRecords

pytestmark = pytest.mark.kernel
_BLOCK_BYTES = 128 * 1024


class _Counted:
    """The real cutter, with its number of calls."""

    def __init__(self, cutter: RecordCutter) -> None:
        self._cutter = cutter
        self.calls = 0

    def cut(self, buffer: bytes, base: int, start: int, *, at_record: bool) -> CutResult:
        self.calls += 1
        return self._cutter.cut(buffer, base, start, at_record=at_record)


@pytest.fixture
def cutter() -> _Counted:
    try:
        return _Counted(InovaFarmaKernel().create_cutter(7, 65536))
    except KernelUnavailable as error:
        pytest.skip(str(error))


def _read(cutter: _Counted, records: list[bytes]) -> list[RawRecords | CutRecords]:
    body = b"[" + b",".join(records) + b"]"
    reader = create_run_reader("application/json", 65536, cutter)
    blocks = [body[start : start + _BLOCK_BYTES] for start in range(0, len(body), _BLOCK_BYTES)]
    return [run for block in blocks for run in reader.read(block)] + reader.end()


def _plain(number: int) -> bytes:
    return b'{"PRODUCTID":%d,"TITLE":"%s"}' % (number, b"t" * 80)


def _odd(number: int) -> bytes:
    return b'{"PRODUCTID":%d,"X":{"y":[%d]},"TITLE":"%s"}' % (number, number, b"t" * 80)


def _cut_count(runs: list[RawRecords | CutRecords]) -> int:
    return sum(len(run) for run in runs if isinstance(run, CutRecords))


def test_a_body_of_unusual_records_tries_the_kernel_few_times(cutter: _Counted) -> None:
    runs = _read(cutter, [_odd(n) for n in range(1, 20_001)])
    assert sum(len(run.records) for run in runs if isinstance(run, RawRecords)) == 20_000
    assert cutter.calls < 20  # in 2.4 MB


def test_few_unusual_records_leave_most_others_to_the_kernel(cutter: _Counted) -> None:
    runs = _read(cutter, [_odd(n) if n % 500 == 0 else _plain(n) for n in range(1, 20_001)])
    assert _cut_count(runs) > 15_000


def test_plain_records_are_all_cut_whatever_the_reader_did_before(cutter: _Counted) -> None:
    assert _cut_count(_read(cutter, [_plain(n) for n in range(1, 5001)])) == 5000


def test_a_chunk_holds_the_same_whether_a_kernel_cut_its_records_or_not(cutter: _Counted) -> None:
    (cut,) = (run for run in _read(cutter, [_plain(n) for n in range(1, 101)]) if isinstance(run, CutRecords))
    first, second = cut.part(0, 30), cut.part(30, 100)
    packed, mixed, unpacked = ChunkBuilder(), ChunkBuilder(), ChunkBuilder()
    packed.extend_cut(40, first)
    packed.extend_cut(70, second)
    for builder in (mixed, unpacked):
        builder.extend(40, list(first.offsets), list(first.records), first.ids, first.hashes)
    mixed.extend_cut(70, second)
    unpacked.extend(70, list(second.offsets), list(second.records), second.ids, second.hashes)
    assert packed.first_position == 40
    assert packed.extent() == mixed.extent() == unpacked.extent()
    for name in ("ids", "hashes", "size", "positions", "offsets", "records"):
        assert getattr(packed, name) == getattr(mixed, name) == getattr(unpacked, name), name
