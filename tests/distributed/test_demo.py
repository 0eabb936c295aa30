"""`integrahub demo --distributed` gives the same figures as on one machine."""

import subprocess
import sys

import pytest

from integrahub.tools.devservices.seaweedfs import S3Server


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("kafka_address")  # where there is no Kafka to be had the test skips
def test_the_demo_adds_up_on_kafka_s3_and_postgresql_too(s3_server: S3Server) -> None:
    command = [sys.executable, "-m", "integrahub", "demo", "--distributed"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=590, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
