"""Supervisor: scaling under real posts, crash loops, and rolling restarts."""

import json
import os
import re
import signal
import threading
from typing import Any

import httpx2
import pytest

from integrahub.supervisor import state_file
from integrahub.tools.demo.catalogue import load_sample
from tests.acceptance.conftest import ADMIN, OTHER, PATH, Installation
from tests.runbook_entry import FollowedEntry

_COPIES = 6  # of the sample, for each pharmacy
CNPJS = ("05927228000145", OTHER, "60746948000112", "00000000000191")


def _status(installation: Installation) -> dict[str, Any]:
    # Not by `fleet status`, which test_top runs: a process for each of many polls would take the CPU from the hub.
    return state_file.fetch_status(installation.folder / "kept")


def _upserts(installation: Installation) -> list[dict[str, Any]]:
    return [place for place in _status(installation)["workers"] if place["step"] == "upsert"]


def _body(copies: int) -> bytes:
    records = [{k: v for k, v in record.items() if k != "CNPJ"} for record in load_sample()]
    return json.dumps(
        [r | {"PRODUCTID": int(r["PRODUCTID"]) + n * 10_000_000} for n in range(copies) for r in records]
    ).encode()


def _post(installation: Installation, cnpj: str, body: bytes) -> str:
    headers = {"X-Admin-Api-Key": ADMIN, "X-Inova-Load-Type": "full", "Content-Type": "application/json"}
    answer = installation.http.post(PATH, params={"cnpj": cnpj}, content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["batch_id"])


def _metric(installation: Installation, name: str) -> float:
    lines = installation.http.get("/metrics").text.splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(name)))


@pytest.mark.timeout(300)
def test_a_backlog_made_by_posts_grows_the_fleet_to_its_most_and_it_shrinks_back(installation: Installation) -> None:
    installation.settings |= {"MIN_UPSERT_WORKERS": "2", "MAX_UPSERT_WORKERS": "4", "SCALE_CHECK_INTERVAL": "300ms"}
    installation.settings |= {"SCALE_ADD_OVER": "2000", "SCALE_REMOVE_UNDER": "500", "SCALE_DRAIN_SECONDS": "0"}
    # Without the kernel the backlog outlasts the start of two workers.
    installation.settings |= {"SCALE_PAUSE": "1", "LOG_LEVEL": "DEBUG", "KERNEL": "off"}
    installation.start()
    installation.key = ADMIN
    body = _body(_COPIES)
    ids = [_post(installation, cnpj, body) for cnpj in CNPJS]
    installation.wait_until(lambda: len(_upserts(installation)) == 4)
    installation.wait_until(lambda: all(place["state"] == "ready" for place in _upserts(installation)))
    entry = FollowedEntry("backlog-grows")
    assert installation.command(*entry.command("top --once")).returncode == 0
    status = installation.command(*entry.command("fleet status")).stdout
    entry.expect("`integrahub fleet status` shows the waiting records, the workers and their maximum")
    assert re.search(r"upsert \d \(2 to 4\)", status) and "records waiting: " in status, status
    batches = [installation.finished(batch_id) for batch_id in ids]
    assert [(batch["status"], batch["inserted"]) for batch in batches] == [("COMPLETED", _COPIES * 16349)] * 4
    installation.wait_until(lambda: len(_upserts(installation)) == 2)
    installation.wait_until(lambda: _metric(installation, 'integrahub_workers_active{step="upsert"}') == 2)
    assert _metric(installation, 'integrahub_workers_max{step="upsert"}') == 4
    assert _metric(installation, 'integrahub_worker_restarts_total{step="upsert"}') == 0
    assert "killing it" not in (installation.folder / "hub.log").read_text()


@pytest.mark.timeout(240)
def test_a_worker_that_always_falls_is_told_and_no_longer_started_until_someone_orders_it(
    installation: Installation,
) -> None:
    installation.start()
    installation.key = installation.make_key()

    def kill_split() -> bool:
        place = next(place for place in _status(installation)["workers"] if place["step"] == "split")
        if place["pid"]:
            os.kill(place["pid"], signal.SIGKILL)
        return bool(place["state"] == "crash-loop")

    installation.wait_until(kill_split)
    place = next(place for place in _status(installation)["workers"] if place["step"] == "split")
    assert place["pid"] is None and place["restarts"] == 6 and place["last_exit"] == -signal.SIGKILL
    assert '"action":"crash_loop"' in (installation.folder / "hub.log").read_text()
    entry = FollowedEntry("process-crashes")
    status = installation.command(*entry.command("fleet status --wide")).stdout
    assert re.search(r"split.*crash-loop.*-9 \(SIGKILL", status), status
    assert _metric(installation, 'integrahub_worker_restarts_total{step="split"}') == 6
    waiting = installation.post(b'[{"PRODUCTID": 1, "TITLE": "P"}]').json()["batch_id"]
    assert installation.command(*entry.command("fleet restart")).returncode == 0
    assert installation.finished(waiting)["inserted"] == 1
    assert "crash-loop" not in installation.command(*entry.command("fleet status --wide")).stdout


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scheme", [pytest.param("http", marks=pytest.mark.long), "https"])
def test_restarting_every_process_under_load_refuses_no_post_and_doubles_nothing(
    installation: Installation, scheme: str
) -> None:
    installation.settings |= {"RATE_LIMIT": "off", "MIN_UPSERT_WORKERS": "2"}
    if scheme == "https":
        installation.use_tls()
    installation.start()
    installation.key = installation.make_key()
    before = {place["name"]: place["pid"] for place in _status(installation)["workers"]}
    done, posted = threading.Event(), []

    def post() -> None:
        number = 0
        verify = installation.trusted if scheme == "https" else True
        with httpx2.Client(base_url=installation.http.base_url, timeout=60, verify=verify) as http:
            while not done.is_set():
                number += 1
                records = [{"PRODUCTID": n, "TITLE": f"P {n}", "PRICE": number} for n in range(1, 201)]
                headers = {"X-Api-Key": installation.key, "X-Inova-Load-Type": "delta", "Connection": "close"}
                answer = http.post(PATH, content=json.dumps(records), headers=headers)
                posted.append((answer.status_code, answer.json().get("batch_id")))

    posting = threading.Thread(target=post)
    posting.start()
    entry = FollowedEntry("restart-workers")
    assert installation.command(*entry.command("fleet restart")).returncode == 0
    log = installation.folder / "hub.log"
    installation.wait_until(lambda: '"action":"rolled"' in log.read_text())
    done.set()
    posting.join()
    status = installation.command(*entry.command("fleet status")).stdout
    assert len(re.findall(r"\bready\b", status)) == len(before), status
    assert installation.command(*entry.command("top --once")).returncode == 0
    places = _status(installation)["workers"]
    assert all(place["pid"] != before[place["name"]] and not place["restarts"] for place in places)
    assert {status for status, _ in posted} == {202}
    batches = [installation.finished(batch_id) for _, batch_id in posted]
    assert [(b["received_seq"], b["status"]) for b in batches] == [(n, "COMPLETED") for n in range(1, len(batches) + 1)]
    assert [b["inserted"] + b["updated"] for b in batches] == [200] * len(batches)
    assert {item["price"] for item in installation.products().values()} == {len(batches)}
    assert "worker lost" not in log.read_text()
