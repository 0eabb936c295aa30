"""`python -m deploy.kubernetes.policies`: base/network-policies.yaml, made from connections.toml."""

import json
import tomllib
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
MADE = _HERE / "base" / "network-policies.yaml"
_HEAD = "# Made from ../connections.toml by: python -m deploy.kubernetes.policies\n"
_DNS_PORTS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
Table = dict[str, Any]


def table() -> Table:
    """`roles`: what each connects to; `places`: where those are."""
    return tomllib.loads((_HERE / "connections.toml").read_text("utf-8"))


def policies(table: Table) -> list[Table]:
    """Nothing in or out, then what each role needs."""
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return [_policy("nothing-else", closed), *(_of_role(name, role, table) for name, role in table["roles"].items())]


def written(policies: list[Table]) -> str:
    """As documents of YAML, each in JSON, which YAML is."""
    return _HEAD + "".join(f"---\n{json.dumps(policy, indent=2)}\n" for policy in policies)


def _of_role(name: str, role: Table, table: Table) -> Table:
    places = table["places"]
    spec: Table = {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "integrahub", "app.kubernetes.io/component": name}},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            {"to": [_pods(places["dns"])], "ports": _DNS_PORTS},
            *({"to": [_pods(places[to])], "ports": _ports(places[to]["ports"])} for to in role["to"]),
        ],
    }
    if role["from"]:
        spec["ingress"] = [{"from": [_pods(places[of]) for of in role["from"]], "ports": _ports([role["port"]])}]
    return _policy(name, spec)


def _pods(place: Table) -> Table:
    """Pods with these labels, of the namespace named, else of the policy's own."""
    pods: Table = {"podSelector": {"matchLabels": place["labels"]}}
    if namespace := place.get("namespace"):
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
    MADE.write_text(written(policies(table())), "utf-8")
