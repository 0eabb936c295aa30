"""C4 diagrams: the context from the endpoints of connections.toml, the containers from the compose file."""

from collections.abc import Iterator
from typing import Any

import yaml
from deploy.kubernetes.policies import load_table

from tests.reference.parts import ROOT, Part, code, list_codes, to_table

_COMPOSE = ROOT / "deploy" / "compose.yaml"
_PREPARING = ("migrate", "topics", "lifecycle")  # services of compose that are `prepare` in Kubernetes
_DEPENDENCIES = ("postgresql", "kafka", "s3")
# Roles of the hub, and what each does.
_DUTIES = {
    "api": "answers ERPs and readers, stores bodies",
    "console": "pages for operators",
    "split": "cuts bodies into chunks",
    "upsert": "applies chunks",
    "rest": "finishes batches, repairs, counts",
    "notify": "sends webhooks",
    "prepare": "migrates the schema, creates topics and bucket rules",
}
_LABELS = {
    "postgresql": "PostgreSQL: catalogues, batches, keys",
    "kafka": "Kafka: events between steps",
    "s3": "S3: bodies and chunks",
    "receivers": "Receivers of webhooks",
    "telemetry": "Collector of traces",
    "ingress": "ERPs, readers and operators, through the ingress",
    "prometheus": "Prometheus",
}


def render_context() -> str:
    """Return the hub as one box with everything it connects to, or that connects to it."""
    roles = load_table()["roles"].values()
    outward = sorted({name for role in roles for name in role["to"]})
    inward = sorted({name for role in roles for name in role["from"]})
    lines = [f'  {name}(["{_LABELS[name]}"]) --> hub["IntegraHub"]' for name in inward]
    lines += [f"  hub --> {name}{_shape(name)}" for name in outward]
    sentence = f"{_join(inward)} connect to the hub; the hub connects to {_join(outward)}, and to nothing else."
    return "\n\n".join([sentence[0].upper() + sentence[1:], _diagram(lines)])


def render_containers() -> str:
    """Return the roles with their connections, and what each is in the compose file."""
    roles: dict[str, Any] = load_table()["roles"]
    lines = [f'  {name}["{name}: {_DUTIES[name]}"]' for name in roles]
    lines += [f"  {source} --> {name}" for name, role in roles.items() for source in role["from"]]
    lines += [f"  {name} --> {target}" for name, role in roles.items() for target in role["to"]]
    ends = sorted({end for role in roles.values() for end in (*role["to"], *role["from"])})
    lines += [f"  {end}{_shape(end)}" for end in ends]
    sentence = "Only `api` and `console` accept requests of people and programs; only `notify` reaches receivers."
    head = ("role", "does", "connects to", "accepts", "in compose")
    return "\n\n".join([sentence, _diagram(lines), to_table(head, _rows(roles))])


def _rows(roles: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    services = yaml.safe_load(_COMPOSE.read_text("utf-8"))["services"]
    for name, role in roles.items():
        own = [name] if name in services else _PREPARING
        commands = [f"integrahub {' '.join(services[service]['command'])}" for service in own]
        accepts = list_codes(role["from"]) or "nothing"
        yield code(name), _DUTIES[name], list_codes(role["to"]), accepts, list_codes(commands)


def _shape(name: str) -> str:
    label = _LABELS[name]
    return f'[("{label}")]' if name in _DEPENDENCIES else f'(["{label}"])'


def _join(names: list[str]) -> str:
    labels = [_LABELS[name].partition(":")[0] for name in names]
    return f"{', '.join(labels[:-1])} and {labels[-1]}"


def _diagram(lines: list[str]) -> str:
    return "\n".join(["```mermaid", "flowchart LR", *lines, "```"])


PARTS = (
    Part("why/containers.md", "context", render_context),
    Part("why/containers.md", "containers", render_containers),
)
