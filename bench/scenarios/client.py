"""Client library: memory and rate of a process that posts a large catalogue, from a file and from records."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.client_upload import generate_records
from bench.hub import running_hub
from bench.measurement import Line
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs

_FROM_FILE, _FROM_RECORDS = load_real_cnpjs(2)
_MAX_MEGABYTES = 100.0
_SETTINGS = {"MAX_PAYLOAD_SIZE": "2g"}


def lines(sizes: Sizes) -> Iterator[Line]:
    """Post from a file and from records, each in a process of its own; the hub's answer ends the measurement."""
    with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder, running_hub(_SETTINGS) as hub:
        file = Path(folder) / "catalogue.json"
        _write(file, sizes.upload)
        for source, name, cnpj in ((str(file), "a file", _FROM_FILE), ("", "records", _FROM_RECORDS)):
            key = hub.admin.call("POST", f"/admin/pharmacies/{cnpj}/api-key")["api_key"]
            measured = _post(hub.admin.url, key, str(sizes.upload), source)
            work = f"Client: post of {sizes.upload / 1e6:,.0f} MB from {name}"
            peak = measured["peak"]
            yield Line(f"{work}, peak memory", "MB", peak, judged=peak, most=_MAX_MEGABYTES)
            yield Line(work, "MB/s of body", sizes.upload / 1e6 / measured["seconds"])


def _write(file: Path, size: int) -> None:
    with file.open("w", encoding="utf-8") as target:
        for number, record in enumerate(generate_records(size)):
            target.write(",\n" if number else "[")
            json.dump(record, target, ensure_ascii=False)
        target.write("]")


def _post(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.client_upload", *arguments]
    measured: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return measured
