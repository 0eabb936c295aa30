"""Bodies built to slow the split, and an honest one; each is `size` bytes long, in blocks of at most 1 MiB."""

import json
from collections.abc import Callable, Iterator
from itertools import count

from integrahub.tools.demo.catalogue import load_sample

_BLOCK = 1 << 20
Body = Iterator[bytes]


def _filled(size: int, records: Iterator[bytes], opening: bytes = b"[", joint: bytes = b",", end: bytes = b"]") -> Body:
    """Yield an array of records, closed after `size` bytes."""
    block, sent, first = bytearray(opening), 0, True
    while sent + len(block) < size:
        block += next(records) if first else joint + next(records)
        first = False
        if len(block) >= _BLOCK:
            sent += len(block)
            yield bytes(block)
            block.clear()
    yield bytes(block) + end


def _long(size: int, opening: bytes, filling: bytes, end: bytes) -> Body:
    """Yield one value as long as the body."""
    yield opening
    whole = filling * (_BLOCK // len(filling))
    for _ in range(size // len(whole)):
        yield whole
    yield end


def honest(size: int) -> Body:
    """Yield the sample catalogue again and again, each time with new ids."""
    catalogue = load_sample()

    def records() -> Iterator[bytes]:
        for copy in count():
            for record in catalogue:
                new = record | {"PRODUCTID": int(record["PRODUCTID"]) + copy * 10_000_000}
                yield json.dumps(new, ensure_ascii=False, separators=(",", ":")).encode()

    return _filled(size, records())


def _numbered(form: bytes, ids: Callable[[int], int] = lambda n: n + 1) -> Iterator[bytes]:
    return (form % ids(n) for n in count())


_BORDERS = b'{"PRODUCTID":%d,"TITLE":"},{","X":"' + b'},{\\"' * 80 + b'},{"}'
_NOT_JSON = b'{"PRODUCTID":%d,"TITLE":"t","PRICE":NaN,"X":"' + b"x" * 400 + b'"}'
_NESTED = b'{"PRODUCTID":%d,"X":' + b"[" * 200 + b"]" * 200 + b"}"
_DEEP = b'{"PRODUCTID":%d,"X":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
_PAIRS = b'{"PRODUCTID":%d,"X":[' + b"[]," * 150 + b"NaN]}"
_STRINGS = b'{"PRODUCTID":%d,"X":[' + b'"",' * 150 + b"NaN]}"
_USUAL = b'{"PRODUCTID":%d,"TITLE":"a product as any other","DESCRIPTION":"' + b"x" * 400 + b'"}'

BODIES: dict[str, Callable[[int], Body]] = {
    "honest": honest,
    "strings full of borders": lambda size: _filled(size, _numbered(_BORDERS)),
    "no record is JSON": lambda size: _filled(size, _numbered(_NOT_JSON)),
    "pairs of brackets, not JSON": lambda size: _filled(size, _numbered(_PAIRS)),
    "empty strings, not JSON": lambda size: _filled(size, _numbered(_STRINGS)),
    "200 levels": lambda size: _filled(size, _numbered(_NESTED)),
    "20,000 levels": lambda size: _filled(size, _numbered(_DEEP)),
    "one record without end": lambda size: _long(size, b'[{"TITLE":"', b"a", b""),
    "one record as long as the body": lambda size: _long(size, b'[{"TITLE":"', b'},{\\"', b'"}]'),
    "one record of brackets": lambda size: _long(size, b'[{"X":', b"[", b"}]"),
    "one record of pairs": lambda size: _long(size, b'[{"X":[', b"[],", b"0]}]"),
    "one record of strings": lambda size: _long(size, b'[{"X":[', b'"",', b"0]}]"),
    "one record of escapes": lambda size: _long(size, b'[{"X":"', b"\\\\", b'"}]'),
    "blanks": lambda size: _long(size, b'[{"PRODUCTID":1,"TITLE":"t"}', b" ", b"]"),
    "empty objects": lambda size: _filled(size, (b"{}" for _ in count())),
    "numbers for records": lambda size: _filled(size, (b"1" for _ in count())),
    "tiny records": lambda size: _filled(size, _numbered(b'{"PRODUCTID":%d}')),
    "one product again and again": lambda size: _filled(size, _numbered(_USUAL, lambda n: 1)),
    "every product straddles": lambda size: _filled(
        size, _numbered(_USUAL, lambda n: 1 + 256 * (n % max(1, size // 1000)))
    ),
}
LINES: dict[str, Callable[[int], Body]] = {
    "lines, honest": lambda size: _filled(size, _numbered(_USUAL), b"", b"\n", b"\n"),
    "lines, all blank": lambda size: _long(size, b'{"PRODUCTID":1,"TITLE":"t"}', b"\n", b"\n"),
    "lines of a bracket": lambda size: _filled(size, (b"[" for _ in count()), b"", b"\n", b"\n"),
    "lines, one without end": lambda size: _long(size, b'{"TITLE":"', b"a", b""),
}
