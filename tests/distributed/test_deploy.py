"""What is deployed is valid, names what the code has, and lets through what the processes really do, no more."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from deploy.kubernetes import policies

from integrahub.cli.parts.seaweed import S3Server
from integrahub.domain.events import CHUNKS_READY, GROUPS
from integrahub.settings import Settings
from tests.acceptance.conftest import Installation, installed, on_kafka_and_s3

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
_ESTABLISHED = "01"


def _program(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_network_policies_are_those_of_the_table() -> None:
    assert policies.MADE.read_text("utf-8") == policies.written(policies.policies(policies.table()))


@pytest.mark.parametrize("overlay", ["base", "keda"])
def test_the_manifests_build_and_are_valid(overlay: str, tmp_path: Path) -> None:
    built = _run(_program("kubectl"), "kustomize", str(KUBERNETES / overlay))
    known = [part for part in built.split("\n---\n") if "kind: ScaledObject" not in part]  # KEDA's own kind
    (tmp_path / "built.yaml").write_text("\n---\n".join(known))
    _run(_program("kubernetes-validate"), "--strict", str(tmp_path / "built.yaml"))


def test_the_image_is_built_as_hadolint_asks() -> None:
    _run(_program("hadolint"), "deploy/Dockerfile")


def test_what_is_configured_and_scaled_by_exists() -> None:
    written = "".join(path.read_text("utf-8") for path in [*KUBERNETES.rglob("*.yaml"), ROOT / "deploy/compose.yaml"])
    names = set(re.findall(r"INTEGRAHUB_([A-Z_]+)", written))
    assert len(names) > 8
    assert names <= {name.upper() for name in Settings.model_fields}
    scaled = (KUBERNETES / "keda" / "upsert-more.yaml").read_text("utf-8")
    assert f"topic: {CHUNKS_READY}" in scaled and f"consumerGroup: {GROUPS[CHUNKS_READY]}" in scaled
    assert "integrahub_backlog_records" in (ROOT / "src/integrahub/telemetry/metrics.py").read_text("utf-8")


def _outgoing(pid: int) -> set[int]:
    """Ports of other programs that a process is connected to, by TCP."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
        except OSError:
            continue
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, state, *_, inode = line.split()[:10]
        if inode in inodes and state == _ESTABLISHED:
            found.add(int(remote.rpartition(":")[2], 16))
    return found


@pytest.mark.timeout(300)
def test_each_role_connects_to_what_its_policy_lists(kafka_address: str, s3_server: S3Server) -> None:
    places = {int(kafka_address.rpartition(":")[2]): "kafka", int(s3_server.endpoint.rpartition(":")[2]): "s3"}
    with installed(on_kafka_and_s3(kafka_address, s3_server)) as hub:
        hub.start()
        hub.key = hub.make_key()
        seen = _watched(hub, places)
    roles = policies.table()["roles"]
    allowed = {step: set(roles["rest" if step == "finish" else step]["to"]) for step in seen}
    assert {step: found - allowed[step] for step, found in seen.items() if found - allowed[step]} == {}
    assert all({"kafka", "s3"} <= seen[step] for step in ("api", "split", "upsert"))
    assert "kafka" in seen["finish"]


def _watched(hub: Installation, places: dict[int, str]) -> dict[str, set[str]]:
    """Step -> what its processes were connected to while batches went through."""
    seen: dict[str, set[str]] = defaultdict(set)
    for number in range(3):
        records = [{"PRODUCTID": n, "TITLE": f"P {n} {number}" * 10} for n in range(1, 3000)]
        batch = hub.post(json.dumps(records).encode()).json()["batch_id"]

        def look(batch: str = batch) -> Any:
            status = hub.command("fleet", "status", "--json", "--data", str(hub.folder / "kept"))
            for worker in json.loads(status.stdout)["workers"]:
                ports = _outgoing(worker["pid"]) if worker["pid"] else set()
                seen[worker["step"]] |= {places[port] for port in ports if port in places}
            return hub.get(f"/v1/batches/{batch}")["finished_at"]

        hub.wait_until(look)
    return seen
