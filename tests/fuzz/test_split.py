"""Fuzzing of the split: any body ends in bounded memory, with records, issues or one error."""

import os
import random
import tracemalloc
from zoneinfo import ZoneInfo

import pytest

from integrahub.domain.dialects.inovafarma.identify import identify_all
from integrahub.domain.dialects.inovafarma.normalise import normalise
from integrahub.domain.errors import BodyError
from integrahub.domain.parsing.encodings import create_inflater
from integrahub.domain.parsing.reader import OversizeRecord, RawRecords, create_reader
from tests.fuzz.mutations import SEEDS, encoded, mutated

_BODIES = 300_000 if os.environ.get("IHUB_LONG") else 1200
_CNPJ = "05927228000145"
_ZONE = ZoneInfo("America/Sao_Paulo")


def _split(draw: random.Random) -> int:
    """Split one mutated body in blocks and read its records; return their number."""
    encoding, body = encoded(draw, mutated(draw, draw.choice(SEEDS) * draw.choice((1, 1, 3))))
    reader = create_reader(draw.choice(("application/json", "application/x-ndjson")), 4096)
    inflater, runs = create_inflater(encoding), list[RawRecords]()
    try:
        while body:
            size = draw.choice((1, 7, 64, 4096))
            block, body = body[:size], body[size:]
            runs += [reader.feed(piece) for piece in inflater.feed(block)]
        inflater.close()
        runs.append(reader.close())
    except BodyError as fault:
        assert fault.offset >= 0 and str(fault)
    return sum(_read(run) for run in runs)


def _read(run: RawRecords) -> int:
    ids = identify_all(run.records)
    raws = [record if isinstance(record, OversizeRecord) else bytes(record) for record in run.records]
    sources = list(zip(range(len(ids)), run.offsets, ids, raws, strict=True))
    for load_type in ("full", "delta"):
        found = normalise(sources, cnpj=_CNPJ, load_type=load_type, zone=_ZONE, max_record=4096)
        assert len(found.products) + found.merged + found.rejected == len(ids)
    return len(ids)


@pytest.mark.timeout(7200)
def test_no_body_breaks_the_split() -> None:
    draw, records = random.Random(os.environ.get("IHUB_SEED", "split")), 0
    for _ in range(500):
        _split(draw)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(_BODIES):
        records += _split(draw)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    print(f"{_BODIES} bodies, {records} records; memory grew by {grown} bytes")
    assert records > _BODIES / 4  # most bodies were not refused at their first byte
    assert grown < 2 << 20
