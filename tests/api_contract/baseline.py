"""Keeps the API's contract in baseline.json: `make api-baseline` writes it, unless that hides a break."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.api_contract.comparison import Break, find_breaks, find_unannounced
from tests.api_contract.reduction import reduce_document
from tests.api_contract.served import fetch_document

BASELINE = Path(__file__).with_name("baseline.json")
CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
HINT = "name `METHOD /path` of each in the newest section of CHANGELOG.md, under '### Breaking'"


def read_baseline() -> dict[str, Any]:
    """Return the kept contract."""
    return parse_baseline(BASELINE.read_text("utf-8"))


def parse_baseline(text: str) -> dict[str, Any]:
    """Return the contract that `render_baseline` wrote."""
    contract: dict[str, Any] = json.loads(text)
    for operation in contract["operations"].values():
        grouped = operation["responses"].items()
        operation["responses"] = {status: response for key, response in grouped for status in key.split()}
    return contract


def render_baseline(contract: dict[str, Any]) -> str:
    """Return the contract as sorted JSON with a line for each operation and schema; equal answers share a key."""
    operations = {
        name: each | {"responses": _group(each["responses"])} for name, each in contract["operations"].items()
    }
    sections = []
    for section, entries in (("operations", operations), ("schemas", contract["schemas"])):
        lines = [f"{json.dumps(name)}:{_encode(entries[name])}" for name in sorted(entries)]
        sections.append(f'"{section}":{{\n' + ",\n".join(lines) + "\n}")
    return "{" + ",\n".join(sections) + "}\n"


def _group(responses: dict[str, Any]) -> dict[str, Any]:
    statuses: dict[str, list[str]] = {}
    for status, response in sorted(responses.items()):
        statuses.setdefault(_encode(response), []).append(status)
    return {" ".join(group): json.loads(response) for response, group in statuses.items()}


def _encode(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def unannounced_breaks(contract: dict[str, Any]) -> list[Break]:
    """Return what breaks clients since the baseline and is not in the changelog."""
    return find_unannounced(find_breaks(read_baseline(), contract), CHANGELOG.read_text("utf-8"))


def _write() -> int:
    contract = reduce_document(fetch_document())
    if BASELINE.exists() and (breaks := unannounced_breaks(contract)):
        print(f"These changes break clients; {HINT}:", *breaks, sep="\n  ", file=sys.stderr)
        return 1
    BASELINE.write_text(render_baseline(contract), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(_write())
