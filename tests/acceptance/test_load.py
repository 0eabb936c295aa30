"""`integrahub load` against a running hub: accounting matches, and lost posts fail the command."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.acceptance.conftest import ADMIN, Installation, without_settings

_FORMS = {
    "mega": ["mega", "--posts", "300", "--products", "3", "--pharmacies", "7", "--at-once", "20"],
    "requests": ["requests", "--posts", "400", "--at-once", "200", "--pharmacies", "50"],
    "many": ["many", "--pharmacies", "30", "--products", "40"],
}
_SIZES = {"mega": (300, 900, 7), "requests": (400, 400, 50), "many": (30, 1200, 30)}


def _load(hub: Installation, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return hub.command("load", *arguments, "--url", str(hub.http.base_url), "--key", ADMIN, "--json")


@pytest.fixture
def running(installation: Installation) -> Installation:
    """Yield a running hub of this module; a load leaves products in it."""
    installation.start()
    return installation


@pytest.mark.parametrize("form", _FORMS)
def test_every_post_of_a_load_is_found_again_by_batch_record_and_product(running: Installation, form: str) -> None:
    ended = _load(running, *_FORMS[form])
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    posts, records, pharmacies = _SIZES[form]
    assert told["statuses"] == {"202": posts} and told["faults"] == []
    accounts = told["accounts"]
    assert len(accounts) == pharmacies and all(account["adds_up"] for account in accounts)
    assert sum(account["batches_received"] for account in accounts) == posts
    for name in ("records_posted", "records_received", "records_applied", "products_held"):
        assert sum(account[name] for account in accounts) == records
    again = _load(running, *_FORMS[form])
    assert again.returncode == 1 and "the load would add invented ones" in " ".join(again.stderr.split())


def test_a_load_whose_posts_are_refused_says_so_and_fails(installation: Installation) -> None:
    installation.settings["MAX_PAYLOAD_SIZE"] = "4096"
    installation.start()
    ended = _load(installation, "many", "--pharmacies", "3", "--products", "100")
    assert ended.returncode == 1 and "413" in ended.stderr
    told = json.loads(ended.stdout)
    assert told["statuses"] == {"413": 3} and told["faults"][-1] == "3 posts: 3 tried, 0 accepted"


def test_a_load_without_an_address_starts_a_hub_of_its_own_and_watches_its_memory() -> None:
    command = [sys.executable, "-m", "integrahub", "load", "million", "--products", "20000", "--json"]
    ended = subprocess.run(command, env=without_settings(), capture_output=True, text=True, timeout=150)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["products"] == 20_000 and told["accounts"][0]["batches_received"] == 1
    assert {"fleet", "api", "upsert"} <= told["memory"].keys()


def test_a_load_that_is_killed_leaves_no_hub_behind(installation: Installation) -> None:
    command = [sys.executable, "-m", "integrahub", "load", "mega", "--posts", "1000000"]
    given = without_settings() | {"TMPDIR": str(installation.folder)}
    load = subprocess.Popen(command, env=given, stderr=subprocess.DEVNULL)
    installation.wait_until(lambda: next(installation.folder.glob("*/kept/fleet.json"), None))
    (kept,) = installation.folder.glob("*/kept")
    own = Installation(kept.parent)
    assert own.members()
    load.kill()
    load.wait()
    own.wait_until(lambda: not own.members())
    own.http.close()
