"""Everything on standard error is one JSON object per line that names its source."""

import json
import subprocess
import sys

import pytest

_PROCESS = """
import asyncio, gc, logging, threading, warnings
from integrahub.settings.model import Settings
from integrahub.telemetry.setup import telemetry_for
from integrahub.domain.errors import ConfigurationError

class Broken:
    def __del__(self):
        raise KeyError("unraisable")

async def main():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)

with telemetry_for(Settings(), "worker", "split"):
    logging.getLogger("psycopg.pool").warning("discarding closed connection: %s", "<[BAD]>\\x1b[2J")
    logging.getLogger("uvicorn.error").info("not worth a line")
    logging.getLogger("librdkafka").error("FAIL %s", "one", "argument too many")
    warnings.warn("soon gone", DeprecationWarning)
    thread = threading.Thread(target=lambda: int("x")); thread.start(); thread.join()
    Broken(); gc.collect()
    asyncio.run(main())
    raise END
"""


@pytest.mark.parametrize("end", ["RuntimeError('the end')", "ConfigurationError('DATABASE_URL is not set.')"])
def test_every_line_is_json_whoever_speaks(end: str) -> None:
    command = [sys.executable, "-W", "always", "-c", _PROCESS.replace("END", end)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert ended.returncode == 1
    assert all(
        (line["process"], line["step"]) == ("worker", "split") and line["pid"] and line["host"] for line in lines
    )
    told = [(line["level"], line["event"]) for line in lines]
    assert ("warning", "discarding closed connection: <[BAD]>\\x1b[2J") in told
    assert ("error", "FAIL %s") in told and not [event for _, event in told if "not worth" in event]
    assert any("soon gone" in event for _, event in told)
    errors = {line["exception"][0]["exc_type"] for line in lines if "exception" in line}
    assert {"ValueError", "KeyError", "ZeroDivisionError"} <= errors
    assert lines[-1]["level"] == "critical" and lines[-1]["action"] == "end"
    assert ("RuntimeError" in errors) == end.startswith("Runtime")
    assert end.startswith("Runtime") or lines[-1]["event"] == "DATABASE_URL is not set."
