"""Binding of the compiled kernel, by ctypes. `make kernel` puts the library into this folder."""

import ctypes
import sys
from array import array
from pathlib import Path

from integrahub.domain.dialects.base import EncodedRows, KernelUnavailable, RowAction, RowOwner
from integrahub.domain.dialects.inovafarma.native.sources import digest_sources
from integrahub.domain.parsing.kernel_reader import CutResult, CutStatus
from integrahub.domain.parsing.raw_records import CutRecords

_ABI_VERSION = 1
_ROW_EXTRA_BYTES = 400  # of a row beyond those of its record
_MAX_SOURCE_BYTES = 1 << 31  # the kernel counts in 32 bits
_MAX_CUT_RECORDS = 2048  # per call
_SUFFIXES = {"win32": "dll", "darwin": "dylib"}
_PATH = Path(__file__).with_name(f"libkernel.{_SUFFIXES.get(sys.platform, 'so')}")


class _CutCall(ctypes.Structure):
    _fields_ = (
        ("source", ctypes.c_char_p),
        ("length", ctypes.c_size_t),
        ("start", ctypes.c_size_t),
        ("max_record", ctypes.c_size_t),
        ("seed", ctypes.c_uint64),
        ("room", ctypes.c_size_t),
        ("starts", ctypes.c_void_p),
        ("ends", ctypes.c_void_p),
        ("ids", ctypes.c_void_p),
        ("hashes", ctypes.c_void_p),
        ("end", ctypes.c_size_t),
        ("at_record", ctypes.c_uint8),
        ("status", ctypes.c_uint8),
    )


class _RowsCall(ctypes.Structure):
    _fields_ = (
        ("source", ctypes.c_char_p),
        ("length", ctypes.c_size_t),
        ("count", ctypes.c_size_t),
        ("ids", ctypes.c_void_p),
        ("hashes", ctypes.c_void_p),
        ("actions", ctypes.c_char_p),
        ("pharmacy", ctypes.c_int64),
        ("batch", ctypes.c_char_p),
        ("cnpj", ctypes.c_char_p),
        ("cnpj_length", ctypes.c_size_t),
        ("new", ctypes.c_void_p),
        ("new_room", ctypes.c_size_t),
        ("staged", ctypes.c_void_p),
        ("staged_room", ctypes.c_size_t),
        ("new_length", ctypes.c_size_t),
        ("staged_length", ctypes.c_size_t),
        ("chunk_index", ctypes.c_int32),
    )


_LAYOUT = (_ABI_VERSION, ctypes.sizeof(_CutCall), ctypes.sizeof(_RowsCall), _ROW_EXTRA_BYTES)


class InovaFarmaKernel:
    """Implementation of `RecordKernel`."""

    version = str(_ABI_VERSION)

    def __init__(self, path: Path = _PATH) -> None:
        """Load the library. Raise KernelUnavailable if there is none, or if its layout or its sources are others."""
        if not path.is_file():
            raise KernelUnavailable("the kernel is not built; `make kernel` builds it")
        try:
            library = ctypes.CDLL(str(path))
            layout = library.integrahub_kernel_layout
            layout.argtypes, layout.restype = [ctypes.c_uint32], ctypes.c_uint32
            *found, built_from = (layout(index) for index in range(len(_LAYOUT) + 1))
            self._cut, self._rows = library.integrahub_kernel_cut, library.integrahub_kernel_rows
            self._fault = library.integrahub_kernel_fault
        except (OSError, AttributeError) as error:
            raise KernelUnavailable(f"the kernel cannot be loaded: {error}") from error
        if tuple(found) != _LAYOUT:
            raise KernelUnavailable(f"the kernel was built for another version ({found}, expected {_LAYOUT})")
        if digest_sources() not in (None, built_from):
            raise KernelUnavailable("the kernel was built from other sources; run `make kernel`")
        self._cut.argtypes, self._cut.restype = [ctypes.POINTER(_CutCall)], ctypes.c_size_t
        self._rows.argtypes, self._rows.restype = [ctypes.POINTER(_RowsCall)], ctypes.c_uint8
        self._fault.argtypes, self._fault.restype = [ctypes.c_size_t], ctypes.c_uint8

    def create_cutter(self, seed: int, max_record: int) -> "_Cutter":
        """Create a cutter of records."""
        return _Cutter(self, seed, max_record)

    def cut(self, call: _CutCall) -> int:
        """Fill the arrays of a call and return the number of records. Only for the cutter."""
        count: int = self._cut(call)
        return count

    def encode_rows(
        self, records: bytes, ids: "array[int]", hashes: "array[int]", actions: bytes, owner: RowOwner
    ) -> EncodedRows | None:
        """Convert the records of a chunk to rows; None if any record is not plain."""
        count, cnpj = len(ids), owner.cnpj.encode()
        if len(hashes) != count or len(actions) != count or len(records) >= _MAX_SOURCE_BYTES:
            return None
        room, inserts = len(records) + _ROW_EXTRA_BYTES * count, RowAction.INSERT in actions
        new, staged = bytearray(room if inserts else 1), bytearray(room if not inserts or max(actions) > 1 else 1)
        call = _RowsCall(
            source=records,
            length=len(records),
            count=count,
            ids=ids.buffer_info()[0],
            hashes=hashes.buffer_info()[0],
            actions=actions,
            pharmacy=owner.pharmacy_id,
            batch=owner.batch_id.bytes,
            cnpj=cnpj,
            cnpj_length=len(cnpj),
            new=_address(new),
            new_room=len(new),
            staged=_address(staged),
            staged_room=len(staged),
            chunk_index=owner.chunk_index,
        )
        if not self._rows(call):
            return None
        return EncodedRows(memoryview(new)[: call.new_length], memoryview(staged)[: call.staged_length])

    def fault(self) -> None:
        """End this process as a fault of the kernel does. Only for tests."""
        self._fault(1)


class _Cutter:
    """Cuts plain records out of buffers, and keeps the arrays that the kernel fills."""

    def __init__(self, kernel: InovaFarmaKernel, seed: int, max_record: int) -> None:
        self._kernel = kernel
        self._starts, self._ends = (array("I", bytes(4 * _MAX_CUT_RECORDS)) for _ in range(2))
        self._ids, self._hashes = (array("q", bytes(8 * _MAX_CUT_RECORDS)) for _ in range(2))
        self._call = _CutCall(
            max_record=max_record,
            seed=seed,
            room=_MAX_CUT_RECORDS,
            starts=self._starts.buffer_info()[0],
            ends=self._ends.buffer_info()[0],
            ids=self._ids.buffer_info()[0],
            hashes=self._hashes.buffer_info()[0],
        )

    def cut(self, buffer: bytes, base: int, start: int, *, at_record: bool) -> CutResult:
        """Cut the records from index `start` on, as far as they are plain."""
        call = self._call
        if not start <= len(buffer) < _MAX_SOURCE_BYTES:
            return CutResult(None, start, CutStatus.NOT_PLAIN)
        call.source, call.length, call.start, call.at_record = buffer, len(buffer), start, at_record
        n = self._kernel.cut(call)
        call.source = None
        arrays = self._starts[:n], self._ends[:n], self._ids[:n], self._hashes[:n]
        return CutResult(CutRecords(buffer, base, *arrays) if n else None, call.end, CutStatus(call.status))


def _address(room: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(room))  # an array type of each length would cost more than a call
