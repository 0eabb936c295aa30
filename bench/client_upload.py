"""Process under measurement: posts a file, or generated records, with the client library; prints memory and time."""

import json
import random
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from integrahub.client import Client

_TEXT_CHARACTERS = 1_000_000
_DESCRIPTION_CHARACTERS = 20_000
_KB_PER_MB = 1024


def generate_records(size: int) -> Iterator[Any]:
    """Yield records of about `size` bytes in all. Few large ones, since the hub's work is not measured."""
    source = random.Random(7)
    text = "".join(source.choices(string.ascii_letters + " ", k=_TEXT_CHARACTERS))
    for number in range(1, size // _DESCRIPTION_CHARACTERS + 1):
        start = source.randrange(_TEXT_CHARACTERS - _DESCRIPTION_CHARACTERS)
        description = text[start : start + _DESCRIPTION_CHARACTERS]
        yield {"PRODUCTID": number, "TITLE": f"Product {number}", "PRICE": number / 100, "DESCRIPTION": description}


def main(url: str, key: str, size: str, file: str) -> None:
    """Post and print peak memory in MB and the seconds until the 202."""
    with Client(url, key) as client:
        started = perf_counter()
        client.send(file or generate_records(int(size)), "full")
        seconds = perf_counter() - started
    status = Path("/proc/self/status").read_text()  # getrusage would count the parent's memory before exec
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / _KB_PER_MB
    print(json.dumps({"peak": peak, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
