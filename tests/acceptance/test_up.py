"""`integrahub up` drains, resumes its work, and survives SIGKILL of all processes."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from integrahub.tools.demo.catalogue import load_sample
from tests.acceptance.conftest import Installation
from tests.runbook_entry import FollowedEntry

_COPIES = 31 if os.environ.get("IHUB_LONG") else 4  # of the sample: half a million records in the long form
_STRANGE = {
    "PGPORT": "5433",
    "PGCLIENTENCODING": "WIN1252",
    "PGDATESTYLE": "SQL, DMY",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "socks://127.0.0.1:1080",
    "SSL_CERT_FILE": "/nonexistent/ca.pem",
}


def _repeated(copies: int) -> Iterator[dict[str, Any]]:
    """Return the sample catalogue `copies` times, each time with new product ids."""
    records = load_sample()
    for copy in range(copies):
        for record in records:
            yield record | {"PRODUCTID": int(record["PRODUCTID"]) + copy * 10_000_000}


@pytest.mark.parametrize("sign", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_stop_drains_and_the_next_start_goes_on_where_it_was(
    installation: Installation, sign: signal.Signals
) -> None:
    installation.start()
    installation.key = installation.make_key()
    body = json.dumps(list(_repeated(2))).encode()
    batch_id = installation.post(body).json()["batch_id"]
    assert installation.stop(sign) == 0
    assert installation.members() == []
    log = (installation.folder / "hub.log").read_text()
    assert "Traceback" not in log and "Exception in callback" not in log
    entry = FollowedEntry("scale-by-hand")
    entry.expect("set `MIN_UPSERT_WORKERS` and `MAX_UPSERT_WORKERS` to the same number and start the hub again")
    installation.settings |= {"MIN_UPSERT_WORKERS": "2", "MAX_UPSERT_WORKERS": "2"}
    installation.start()
    batch = installation.finished(batch_id)
    assert (batch["status"], batch["inserted"]) == ("COMPLETED", 2 * 16349)
    assert "upsert 2 (2 to 2)" in installation.command(*entry.command("fleet status")).stdout


@pytest.mark.timeout(600)
def test_sigkill_of_every_process_during_a_large_full_loses_nothing(installation: Installation) -> None:
    installation.settings |= {"MAX_PAYLOAD_SIZE": "400 MB", "MIN_UPSERT_WORKERS": "2"}
    installation.start()
    installation.key = installation.make_key()
    body = ("[" + ",".join(json.dumps(record) for record in _repeated(_COPIES)) + "]").encode()
    count = _COPIES * 16349
    answer = installation.post(body, **{"X-Inova-Item-Count": str(count)})
    assert answer.status_code == 202, answer.text
    batch_id = answer.json()["batch_id"]
    installation.kill()  # before or while it is split
    entry = FollowedEntry("power-failure")
    found = json.loads(installation.command(*entry.command("doctor"), "--json").stdout)
    entry.expect("`hub` is `stopped` and nothing is `problem`")
    assert {one["check"]: one["status"] for one in found}["hub"] == "stopped"
    assert [one for one in found if one["status"] == "problem"] == []
    entry.command("up")
    installation.start()
    for share in (0.0, 0.3):
        installation.wait_until(lambda share=share: _progress(installation, batch_id) > share)
        installation.kill()
        installation.start()
    batch = installation.finished(batch_id)
    counters = {name: batch[name] for name in ("inserted", "updated", "unchanged", "rejected", "dead", "merged")}
    assert counters == {"inserted": count, "updated": 0, "unchanged": 0, "rejected": 0, "dead": 0, "merged": 0}
    assert batch["status"] == "COMPLETED"
    assert installation.get("/v1/products", limit=1)["pagination"]["count"] == count
    assert installation.http.get("/readyz").status_code == 200
    assert installation.command(*entry.command("top --once")).returncode == 0


def _progress(installation: Installation, batch_id: str) -> float:
    return float(installation.get(f"/v1/batches/{batch_id}")["progress"])


@pytest.mark.distributed
def test_a_child_that_is_killed_is_started_again(installation: Installation) -> None:
    installation.start()
    installation.key = installation.make_key()
    assert installation.process is not None
    before = set(installation.members()) - {installation.process.pid}
    workers = [pid for pid in before if b"\0work\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(workers) >= 4
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    records = [{"PRODUCTID": n, "TITLE": f"P {n}"} for n in range(1, 11)]
    batch = installation.finished(installation.post(json.dumps(records).encode()).json()["batch_id"])
    assert (batch["status"], batch["inserted"]) == ("COMPLETED", 10)


def test_a_hub_that_does_not_start_says_why_and_starts_once_the_cause_is_gone(installation: Installation) -> None:
    entry = FollowedEntry("hub-does-not-start")
    with socket.create_server(("127.0.0.1", installation.port)):
        refused = installation.command(*entry.command("up"))
        assert refused.returncode == 1
        assert f"listens on 127.0.0.1:{installation.port}: process {os.getpid()}" in refused.stderr
        assert f"process {os.getpid()}" in installation.command(*entry.command("doctor")).stdout
        entry.expect("`... listens on ...`", "`--port`")
    installation.start()
    assert installation.http.get("/readyz").status_code == 200
    found = installation.command(*entry.command("doctor"))
    assert found.returncode == 0, found.stdout
    refused = installation.command("up", "--port", "1025")
    assert refused.returncode == 1
    assert "Another IntegraHub is running" in refused.stderr
    entry.expect("`Another IntegraHub is running on ...`")
    same_port = installation.command("up", "--port", str(installation.port))
    assert "running on this folder: use it, or stop it" in same_port.stderr and "--port" not in same_port.stderr


def test_the_operators_environment_reaches_no_process_and_a_start_can_be_given_up(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _STRANGE.items():
        monkeypatch.setenv(name, value)
    installation.settings["POSTGRES_PASSWORD"] = "the-owners-own-password"
    installation.start()
    installation.key = installation.make_key()
    body = json.dumps([{"PRODUCTID": 1, "TITLE": "LOÇÃO"}]).encode()
    assert installation.finished(installation.post(body).json()["batch_id"])["inserted"] == 1
    assert installation.products()[1]["title"] == "LOÇÃO"
    installation.wait_until(lambda: "IntegraHub is ready" in installation.log())
    assert "  database   postgresql://" in installation.log()
    installation.wait_until(lambda: {worker["state"] for worker in installation.processes()} == {"ready"})
    assert installation.command("batch", "list").returncode == 0
    place = urlsplit((installation.folder / "kept" / "postgres" / "worker.url").read_text())
    owner = urlunsplit(place._replace(netloc="integrahub:the-owners-own-password@"))
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("ALTER ROLE integrahub NOLOGIN")
    assert installation.stop() == 0
    installation.spawn()
    installation.wait_until(lambda: "not permitted to log in" in _server_log(installation))
    assert installation.stop(signal.SIGINT) == 0
    assert installation.members() == []


def _server_log(installation: Installation) -> str:
    return (installation.folder / "kept" / "postgres" / "server.log").read_text("utf-8", "replace")


def test_children_end_when_their_parent_is_killed(installation: Installation) -> None:
    installation.start()
    assert installation.process is not None
    installation.process.kill()
    installation.process.wait()
    installation.process = None
    installation.wait_until(lambda: not installation.members())


@pytest.mark.parametrize(
    "sign", [signal.SIGKILL, *(pytest.param(sign, marks=pytest.mark.long) for sign in (signal.SIGQUIT, signal.SIGINT))]
)
def test_postgresql_that_dies_under_load_is_started_again_and_nothing_is_lost(
    installation: Installation, sign: signal.Signals
) -> None:
    installation.settings["MIN_UPSERT_WORKERS"] = "2"
    installation.start()
    installation.key = installation.make_key()
    batch_id = installation.post(json.dumps(list(_repeated(3))).encode()).json()["batch_id"]
    installation.wait_until(lambda: _settled_share(installation, batch_id) > 0.2)
    cluster = installation.folder / "kept" / "postgres" / "cluster"
    os.kill(int((cluster / "postmaster.pid").read_text().split()[0]), sign)
    installation.wait_until(lambda: _settled_share(installation, batch_id) == 1.0)
    batch = installation.finished(batch_id)
    assert (batch["status"], batch["inserted"], batch["dead"]) == ("COMPLETED", 3 * 16349, 0)
    entry = FollowedEntry("postgresql-unavailable")
    entry.expect("embedded: the supervisor starts it again", "`/health` answers 200")
    assert re.search(r"ok +postgresql .*answers", installation.command(*entry.command("doctor")).stdout)
    installation.wait_until(lambda: installation.http.get("/health").status_code == 200)
    assert installation.command(*entry.command("top --once")).returncode == 0


def _settled_share(installation: Installation, batch_id: str) -> float:
    """Return the completed share of the batch; 0 while the hub does not answer."""
    answer = installation.http.get(f"/v1/batches/{batch_id}", headers={"X-Api-Key": installation.key})
    assert answer.status_code in (200, 503), answer.text
    return float(answer.json()["progress"]) if answer.status_code == 200 else 0.0


def test_the_operators_key_is_shown_at_the_first_start_alone_and_opens_the_hub_after_a_restart(
    installation: Installation,
) -> None:
    installation.settings |= {"ADMIN_API_KEY": ""}
    shown = []
    for _ in range(2):
        installation.start()
        log = (installation.folder / "hub.log").read_text()
        shown.append(re.findall(r"^  (ihub_admin_\w+)$", log, re.MULTILINE))
        answer = installation.http.get("/admin/keys", headers={"X-Admin-Api-Key": shown[0][0]})
        assert answer.status_code == 200
        refused = installation.command("key", "list")
        assert refused.returncode == 1 and "INTEGRAHUB_KEY" in refused.stderr
        assert installation.command("key", "list", INTEGRAHUB_KEY=shown[0][0]).returncode == 0
        assert installation.stop() == 0
    assert shown == [shown[0], shown[0]] and len(shown[0]) == 1
