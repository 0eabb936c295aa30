"""The demo gives the same figures on Kafka, S3 and PostgreSQL as on one machine."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from integrahub.tools.demo import run
from integrahub.tools.demo.catalogue import load_sample
from integrahub.tools.devservices.distributed_hub import run_distributed_hub
from integrahub.tools.devservices.kafka import find_kafka
from integrahub.tools.devservices.seaweedfs import find_seaweedfs
from integrahub.tools.terminal.progress import bars

_RECORDS = 2000


@pytest.fixture(autouse=True)
def _services() -> None:
    find_kafka()  # where a program is missing the test skips
    find_seaweedfs()


@pytest.mark.timeout(600)
def test_a_part_of_the_demo_adds_up_on_kafka_s3_and_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    part = load_sample()[:_RECORDS]
    monkeypatch.setattr(run, "load_sample", lambda: part)
    with (
        tempfile.TemporaryDirectory(prefix="ihub-demo-") as folder,
        run_distributed_hub(Path(folder)) as client,
        bars() as progress,
    ):
        demo = run.Demo(client, progress)
        demo.run()
        demo.close()
    assert demo.faults == [] and len(demo.rows) == 6


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_demo_adds_up_on_kafka_s3_and_postgresql_too() -> None:
    command = [sys.executable, "-m", "integrahub", "demo", "--distributed"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=590, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
