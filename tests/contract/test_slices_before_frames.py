"""The version before frames: it finds no slice of a framed body, so it reads the whole body, and keeps dead chunks."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from integrahub.storage.files import FileStorage
from integrahub.storage.framed import FramedStorage, slice_location
from tests.contract.test_storage import stream
from tests.version_before import V0_2_0, extract_source

_BODY = "batches/05927228000145/1.zst"
_RECORD = b'{"PRODUCTID":%04d,"PRICE":2}'
_TEXT = b"[" + b",".join(_RECORD % n for n in range(1, 4001)) + b"]"
_START, _BYTES = 1 + 3000 * 29, 28  # of the record of product 3001

_READ = """
import asyncio, json, sys
from pathlib import Path
from uuid import UUID
from integrahub.db.chunks.rows import StoredChunk
from integrahub.domain.dialects.decode import ChunkDecoder
from integrahub.domain.dialects.inovafarma.dialect import InovaFarma
from integrahub.pipeline.upsert.later_writes import LaterWritesReader
from integrahub.storage.base import ObjectMissing
from integrahub.storage.chunks import read_chunk
from integrahub.storage.files import FileStorage

folder, body, location, start, size = sys.argv[1:]
storage = FileStorage(Path(folder))
place = {"location": location, "body_start": int(start), "body_bytes": int(size), "first_position": 3000, "body": None}
place |= {"media_type": "application/json", "encoding": "zstd", "batch_id": UUID(int=1), "number": 3}

async def read():
    chunk = StoredChunk(**place, body_location=body)
    try:
        await read_chunk(storage, chunk)
        alone = "read"
    except ObjectMissing:
        alone = "missing"
    reader = LaterWritesReader(None, storage, ChunkDecoder(InovaFarma(), 65536))
    later = [[at, offset, record.decode()] async for at, offset, _, record in reader._sources(chunk, {3001})]
    return {"alone": alone, "later": later}

print(json.dumps(asyncio.run(read())))
"""


def test_the_version_before_finds_no_slice_and_reads_the_whole_body(tmp_path: Path) -> None:
    source_before = extract_source(tmp_path / "before", V0_2_0)
    objects = tmp_path / "objects"
    asyncio.run(FramedStorage(FileStorage(objects)).put(_BODY, stream(_TEXT)))
    assert _TEXT[_START : _START + _BYTES] == _RECORD % 3001
    assert (objects / _BODY).stat().st_size < _START, "offsets of the text must end behind the object"
    command = [sys.executable, "-c", _READ, str(objects), _BODY, slice_location(_BODY), str(_START), str(_BYTES)]
    environment = os.environ | {"PYTHONPATH": str(source_before)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    later = [[3000, _START, (_RECORD % 3001).decode()]]
    assert json.loads(done.stdout) == {"alone": "missing", "later": later}
