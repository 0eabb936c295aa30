"""Kafka, S3, PostgreSQL and processes killed under load: every record is accounted for."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from integrahub.tools.devservices.kafka import run_kafka
from integrahub.tools.devservices.program import find_free_ports
from integrahub.tools.devservices.seaweedfs import S3Server
from tests.acceptance.conftest import ADMIN, Installation, installed, on_kafka_and_s3

POSTS = 12_000 if os.environ.get("IHUB_LONG") else 800


@dataclass
class Broker:
    """A Kafka for this test alone, on one folder and port."""

    folder: Path
    port: int
    running: ExitStack

    def start(self) -> str:
        """Start it on its folder and return its address."""
        return self.running.enter_context(run_kafka(self.folder, self.port))

    def kill(self) -> None:
        """Send SIGKILL."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _runs_in(entry, self.folder):
                os.kill(int(entry.name), signal.SIGKILL)
        self.running.close()


def _runs_in(process: Path, folder: Path) -> bool:
    try:
        return os.readlink(process / "cwd") == str(folder) and b"kafka.Kafka" in (process / "cmdline").read_bytes()
    except OSError:
        return False


@pytest.fixture
def broker() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="ihub-kafka-") as folder, ExitStack() as running:
        yield Broker(Path(folder), find_free_ports(1)[0], running)


@pytest.fixture
def hub(broker: Broker, s3_server: S3Server) -> Iterator[Installation]:
    """Yield a hub with two to four upsert workers, so that consumers join and leave."""
    chosen = on_kafka_and_s3(broker.start(), s3_server) | {"RATE_LIMIT": "off", "CHUNK_SIZE": "100"}
    chosen |= {"MIN_UPSERT_WORKERS": "2", "MAX_UPSERT_WORKERS": "4", "SCALE_ADD_OVER": "1000", "SCALE_PAUSE": "1"}
    with installed(chosen | {"SCALE_REMOVE_UNDER": "100", "SCALE_DRAIN_SECONDS": "0"}) as hub:
        hub.start()
        hub.key = ADMIN
        yield hub


def _counted(hub: Installation, name: str) -> float:
    answer = hub.http.get("/metrics")
    samples = [s for family in text_string_to_metric_families(answer.text) for s in family.samples]
    return sum(sample.value for sample in samples if sample.name == name)


def _kill_workers(hub: Installation, sign: signal.Signals) -> None:
    for place in hub.processes():
        if place["step"] != "api" and place["pid"]:
            with suppress(ProcessLookupError):  # the supervisor may have stopped it since that status
                os.kill(place["pid"], sign)


@pytest.mark.timeout(1800 if os.environ.get("IHUB_LONG") else 400)
def test_what_is_killed_under_load_loses_and_doubles_no_record(hub: Installation, broker: Broker) -> None:
    load = ["load", "mega", "--posts", str(POSTS), "--products", "10", "--pharmacies", "20", "--at-once", "8", "--json"]
    command = [sys.executable, "-m", "integrahub", *load, "--url", str(hub.http.base_url), "--key", ADMIN]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=hub.environment, **pipes) as loading:  # type: ignore[call-overload]
        try:
            for share, act in _acts(hub, broker).items():
                hub.wait_until(lambda share=share: _counted(hub, "integrahub_batches_created_total") >= share * POSTS)
                act()
            told, errors = loading.communicate(timeout=1500)
        finally:
            loading.kill()
    assert loading.returncode == 0, errors + hub.log()
    outcome = json.loads(told)
    assert outcome["statuses"] == {"202": POSTS} and outcome["faults"] == []
    assert sum(account["records_applied"] for account in outcome["accounts"]) == 10 * POSTS
    assert _counted(hub, "integrahub_unaccounted_records") == 0


def _acts(hub: Installation, broker: Broker) -> dict[float, Callable[[], object]]:
    """Return the actions that start when this share of the posts has its 202; posting continues meanwhile."""
    acts: dict[float, Callable[[], object]] = {
        0.05: lambda: _kill_workers(hub, signal.SIGKILL),
        0.2: broker.kill,
        0.25: lambda: hub.wait_until(lambda: hub.http.get("/health").status_code == 503),
        0.4: broker.start,
        0.55: lambda: _kill_workers(hub, signal.SIGTERM),
    }
    again: dict[float, Callable[[], object]] = {
        0.7: lambda: _kill_workers(hub, signal.SIGKILL),
        0.8: lambda: (broker.kill(), broker.start()),
    }
    return acts | again if os.environ.get("IHUB_LONG") else acts
