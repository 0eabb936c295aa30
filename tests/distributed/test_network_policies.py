"""Network policies permit exactly the connections that the processes make."""

import json
import os
from collections import defaultdict
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.kubernetes import policies

from integrahub.tools.devservices.seaweedfs import S3Server
from tests.acceptance.conftest import Installation, installed, on_kafka_and_s3

_COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "deploy" / "compose.yaml").read_text("utf-8"))
_ESTABLISHED = "01"


def test_the_network_policies_are_those_of_the_table() -> None:
    assert policies.OUTPUT.read_text("utf-8") == policies.render(policies.build_policies(policies.load_table()))
    managed = policies.render(policies.build_role_policies(policies.load_managed_table()))
    assert policies.MANAGED_OUTPUT.read_text("utf-8") == managed


def test_the_network_policies_trust_no_label_of_any_namespace() -> None:
    written = policies.OUTPUT.read_text("utf-8")
    assert '"namespaceSelector": {}' not in written and written.count("kubernetes.io/metadata.name") > 5


def test_only_the_sender_of_webhooks_reaches_out_and_only_to_public_addresses() -> None:
    roles = policies.load_table()["roles"]
    assert [name for name, role in roles.items() if "receivers" in role["to"]] == ["notify"]
    [own] = [policy for policy in policies.build_policies(policies.load_table()) if "notify" in str(policy["metadata"])]
    [outward] = [rule for rule in own["spec"]["egress"] if "ipBlock" in rule["to"][0]]
    assert outward["ports"] == [{"protocol": "TCP", "port": 443}]
    blocks = [peer["ipBlock"] for peer in outward["to"]]
    for block in blocks:
        network = ip_network(block["cidr"])
        assert all(ip_network(inner).subnet_of(network) for inner in block["except"])  # type: ignore[arg-type]
    excepted = [ip_network(inner) for block in blocks for inner in block["except"]]
    for private in ("10.1.2.3", "172.31.0.1", "192.168.9.9", "169.254.169.254", "127.0.0.1", "fd00::1", "fe80::1"):
        assert any(ip_address(private) in network for network in excepted), private
    networks = {name: service.get("networks", ["default"]) for name, service in _COMPOSE["services"].items()}
    assert _COMPOSE["networks"]["default"]["internal"]
    assert {name for name, joined in networks.items() if "outward" in joined} == {"notify"}
    assert {name for name, joined in networks.items() if "published" in joined} == {
        name for name, service in _COMPOSE["services"].items() if "ports" in service
    }


def _outgoing(pid: int) -> set[int]:
    """Return the remote TCP ports that a process is connected to."""
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
    roles = policies.load_table()["roles"]
    allowed = {step: set(roles["rest" if step == "finish" else step]["to"]) for step in seen}
    assert {step: found - allowed[step] for step, found in seen.items() if found - allowed[step]} == {}
    assert all({"kafka", "s3"} <= seen[step] for step in ("api", "split", "upsert"))
    assert "kafka" in seen["finish"]


def _watched(hub: Installation, places: dict[int, str]) -> dict[str, set[str]]:
    """Return the connections of each step's processes while batches are applied."""
    seen: dict[str, set[str]] = defaultdict(set)
    for number in range(3):
        records = [{"PRODUCTID": n, "TITLE": f"P {n} {number}" * 10} for n in range(1, 3000)]
        batch = hub.post(json.dumps(records).encode()).json()["batch_id"]

        def look(batch: str = batch) -> Any:
            for worker in hub.processes():
                ports = _outgoing(worker["pid"]) if worker["pid"] else set()
                seen[worker["step"]] |= {places[port] for port in ports if port in places}
            return hub.get(f"/v1/batches/{batch}")["finished_at"]

        hub.wait_until(look)
    return seen
