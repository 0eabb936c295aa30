"""`integrahub demo --distributed` gives the same figures as on one machine."""

import subprocess
import sys

import pytest

from integrahub.tools.devservices.kafka import find_kafka
from integrahub.tools.devservices.seaweedfs import find_seaweedfs


@pytest.mark.timeout(600)
def test_the_demo_adds_up_on_kafka_s3_and_postgresql_too() -> None:
    find_kafka()  # where a program is missing the test skips
    find_seaweedfs()
    command = [sys.executable, "-m", "integrahub", "demo", "--distributed"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=590, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
