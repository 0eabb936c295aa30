"""Commands of the documentation run as written, on a real hub, and print what their page shows."""

import re
import shlex
import socket
from pathlib import Path

import pytest
from stdnum.br import cnpj as cnpj_numbers

from integrahub.domain.languages import Language
from integrahub.runbook.pages import list_entries
from tests.acceptance.conftest import ADMIN, CNPJ, Installation
from tests.examples.conftest import OWNER_PASSWORD
from tests.examples.pages import ROOT, read_blocks, read_prose, run_blocks, shown_answers

_DOCS = ROOT / "docs"
_PAGES = [page for folder in ("tutorial", "howto") for page in sorted((_DOCS / folder).glob("*.md"))]
_ENGLISH = [page for page in _PAGES if not page.name.endswith(".pt-BR.md")]
_COUNTED = [*_ENGLISH, ROOT / "README.md"]
_RUN = [page for page in _ENGLISH if any(block.is_run for block in read_blocks(page))]
_REFUSALS = {"errors.md": [400]}  # a page that shows a refused request
_INDENTED = re.compile(r"\n\n    \S")  # a command in no fence
#: The most commands of a page that run nowhere: they need a cluster, an engine, a certificate, a person, or never end.
_MOST_REASONS = 3
_REASONS = {
    "backup": 8,
    "compose": 4,
    "install": 5,
    "kubernetes": 6,
    "tls": 4,
    "verify-release": 4,
    "webhooks": 6,
}


@pytest.mark.parametrize("page", _RUN, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run_as_written_and_print_what_it_shows(
    hub: Installation, page: Path, tmp_path: Path
) -> None:
    number = f"9000000{_RUN.index(page):05d}"
    key = hub.make_key(number + cnpj_numbers.calc_check_digits(number))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = hub.environment | {"HUB_URL": str(hub.http.base_url), "HUB_KEY": key, "ADMIN_KEY": ADMIN}
    environment |= {"PORT": str(port)}  # of the receiver of webhooks
    worker_url = (hub.folder / "kept/postgres/worker.url").read_text()
    environment |= {"OWNER_URL": re.sub("//[^@]*@", f"//integrahub:{OWNER_PASSWORD}@", worker_url)}
    blocks = read_blocks(page)
    done = run_blocks(blocks, tmp_path, environment | {"INTEGRAHUB_KEY": ADMIN})
    assert done.code == 0, "".join(done.outputs)[-3000:] + done.errors[-3000:]
    assert [status for status in done.statuses if status >= 300] == _REFUSALS.get(page.name, []), done.errors
    for shown, output in shown_answers(blocks, done.outputs):
        if shown.language == "text":
            assert shown.text in output, output
        missing = [name for name in re.findall(r'"(\w+)":', shown.text) if f'"{name}":' not in output]
        assert missing == [], f"{missing} of {shown.text} are not in {output}"


def test_each_command_runs_in_a_test_or_says_why_not() -> None:
    pages = [page for page in [*_PAGES, *ROOT.glob("README*.md")] if page.name != "console-pages.md"]  # of developers
    assert len(_RUN) > 10
    indented = [page.name for page in pages if _INDENTED.search(read_prose(page))]
    assert indented == []
    elsewhere = [block for page in ROOT.glob("README*.md") for block in read_blocks(page) if block.is_run]
    assert elsewhere == []
    found = {page.stem: [block.reason for block in read_blocks(page) if block.reason] for page in _COUNTED}
    counted = {name: len(reasons) for name, reasons in found.items()}
    assert {name: count for name, count in counted.items() if count > _REASONS.get(name, _MOST_REASONS)} == {}
    assert [reason for reasons in found.values() for reason in reasons if len(reason) < 10] == []


@pytest.mark.parametrize("page", _ENGLISH, ids=lambda page: page.stem)
def test_both_languages_of_a_page_show_the_same_blocks(page: Path) -> None:
    twin = page.with_suffix(".pt-BR.md")
    assert not twin.exists() or read_blocks(page) == read_blocks(twin)
    assert twin.exists() or page.name == "console-pages.md"


# The first needs a hub that is reached from outside, the second a dead letter.
_NOT_CHECKED = ("doctor", "dead show")


def test_the_checks_of_the_runbook_run_as_written_on_a_hub_that_is_well(hub: Installation) -> None:
    hub.key = hub.make_key()
    batch = hub.post(b'[{"PRODUCTID": 1, "TITLE": "A", "PRICE": "1,00"}]').json()["batch_id"]
    hub.finished(batch)
    checks = [re.findall(r"^- \*\*Check:.*$", entry.text, re.M)[0] for entry in list_entries(Language.EN).values()]
    commands = {command for check in checks for command in re.findall(r"`integrahub ([^`]+)`", check)}
    tried = sorted(command for command in commands if not command.startswith(_NOT_CHECKED))
    assert len(tried) > 15
    for command in tried:
        words = shlex.split(command.replace("CNPJ", CNPJ).replace(" ID", f" {batch}"))
        done = hub.command(*words)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    assert hub.command("batch", "list", "--held").stdout.count(CNPJ) == 0
