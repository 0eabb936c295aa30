"""Documents agree with the code: settings, states, commands, metrics and links."""

import re
from pathlib import Path

from integrahub.settings.model import Settings
from integrahub.telemetry.metrics.registry import ALL_METRICS

ROOT = Path(__file__).parents[3]
_STATE = re.compile(r'^    [A-Z_]+ = "([^"]+)"  #: (.+)$', re.MULTILINE)


def _read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_every_setting_is_described_and_nothing_else_is() -> None:
    described = set(re.findall(r"^\| `([A-Z_]+)` \|", _read("docs/reference/settings.md"), re.MULTILINE))
    assert described == {name.upper() for name in Settings.model_fields}


def test_every_state_has_the_same_sentence_in_the_code_the_schema_and_the_reference() -> None:
    files = ("batches.py", "webhooks/states.py")
    states = [state for name in files for state in _STATE.findall(_read(f"src/integrahub/domain/{name}"))]
    reference, schema = _read("docs/reference/states.md"), _read("src/integrahub/db/schema/comments.sql")
    assert len(states) > 30
    assert [state for state in states if f"| `{state[0]}` | {state[1]} |" not in reference] == []
    load_types = {"full", "delta"}
    assert [s for s in states if s[0] not in load_types and f"\n{s[0]}: {s[1]}" not in schema] == []


def test_both_readmes_show_the_same_commands() -> None:
    english, portuguese = (re.findall(r"^```sh\n(.*?)```", _read(name), re.MULTILINE | re.DOTALL) for name in _READMES)
    assert english == portuguese == ["make demo\n", "make test\n", "make up\n"]


_READMES = ("README.md", "README.pt-BR.md")


def test_rules_and_dashboards_name_only_metrics_that_there_are() -> None:
    known = {metric.name.removesuffix("_total") for metric in ALL_METRICS}
    pages = [path for path in (ROOT / "deploy").rglob("*") if path.suffix in (".yml", ".json")]
    named = {name for path in pages for name in re.findall(r"\bintegrahub_[a-z_]+\b", path.read_text("utf-8"))}
    assert {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in named} - known == set()
