"""`python -m deploy.kubernetes.policies`: generate the network policies from the tables of connections."""

import json
import tomllib
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_MANAGED = _HERE / "components" / "managed"
OUTPUT = _HERE / "base" / "network-policies.yaml"
MANAGED_OUTPUT = _MANAGED / "network-policies.yaml"
_HEAD = "# Generated from connections.toml by: python -m deploy.kubernetes.policies\n"
_DNS_PORTS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
Table = dict[str, Any]


def load_table() -> Table:
    """Return connections.toml: `roles` with their connections, `endpoints` with labels or networks, and ports."""
    return tomllib.loads((_HERE / "connections.toml").read_text("utf-8"))


def load_managed_table() -> Table:
    """Return the table with networks in place of the dependencies' pods."""
    table, managed = load_table(), tomllib.loads((_MANAGED / "connections.toml").read_text("utf-8"))
    return {**table, "endpoints": table["endpoints"] | managed["endpoints"]}


def build_policies(table: Table) -> list[Table]:
    """Return a policy that denies everything, then one per role with its connections."""
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return [_policy("nothing-else", closed), *build_role_policies(table)]


def build_role_policies(table: Table) -> list[Table]:
    """Return a policy per role with its connections."""
    return [_of_role(name, role, table) for name, role in table["roles"].items()]


def render(policies: list[Table]) -> str:
    """Return the policies as YAML documents (JSON is valid YAML)."""
    return _HEAD + "".join(f"---\n{json.dumps(policy, indent=2)}\n" for policy in policies)


def _of_role(name: str, role: Table, table: Table) -> Table:
    endpoints = table["endpoints"]
    spec: Table = {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "integrahub", "app.kubernetes.io/component": name}},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            {"to": [_pods(endpoints["dns"])], "ports": _DNS_PORTS},
            *({"to": _peers(endpoints[to]), "ports": _ports(endpoints[to]["ports"])} for to in role["to"]),
        ],
    }
    if role["from"]:
        spec["ingress"] = [{"from": [_pods(endpoints[of]) for of in role["from"]], "ports": _ports([role["port"]])}]
    if "metrics_port" in role:
        spec["ingress"].append({"from": [_pods(endpoints["prometheus"])], "ports": _ports([role["metrics_port"]])})
    return _policy(name, spec)


def _peers(endpoint: Table) -> list[Table]:
    """Return a selector of the endpoint's pods, or its networks without those that it excepts."""
    if "networks" not in endpoint:
        return [_pods(endpoint)]
    return [
        {"ipBlock": {"cidr": cidr, "except": _of_family(cidr, endpoint["except"])}} for cidr in endpoint["networks"]
    ]


def _of_family(cidr: str, networks: list[str]) -> list[str]:
    return [network for network in networks if (":" in network) == (":" in cidr)]


def _pods(endpoint: Table) -> Table:
    """Return a selector of the endpoint's pods, in its namespace or else in the policy's own."""
    pods: Table = {"podSelector": {"matchLabels": endpoint["labels"]}}
    if namespace := endpoint.get("namespace"):
        pods["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return pods


def _ports(numbers: list[int]) -> list[Table]:
    return [{"protocol": "TCP", "port": number} for number in numbers]


def _policy(name: str, spec: Table) -> Table:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"integrahub-{name}"},
        "spec": spec,
    }


if __name__ == "__main__":
    OUTPUT.write_text(render(build_policies(load_table())), "utf-8")
    MANAGED_OUTPUT.write_text(render(build_role_policies(load_managed_table())), "utf-8")
