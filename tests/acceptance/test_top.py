"""Monitoring of a running hub: counters survive restarts, `top` shows them, logs have actions."""

import json
import os
import signal
import socket

from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.conftest import CNPJ, Installation
from tests.otlp import Collector

_TOLD = "integrahub_products_total inserted"
_WELCOME = ("IntegraHub", "  ", "Ctrl-C")  # what `up` prints on standard output
_CATALOGUE = [{"PRODUCTID": n, "TITLE": f"P {n}", "PRICE": n} for n in range(1, 501)]


def _metrics(hub: Installation) -> dict[str, float]:
    """Return the samples of the whole machine: name with labels to value."""
    answer = hub.http.get("/metrics")
    if answer.status_code != 200:
        return {}
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {" ".join([s.name, *s.labels.values()]): s.value for s in samples}


def _counters(told: dict[str, float]) -> dict[str, float]:
    ends = ("_total", "_bucket", "_count")
    return {n: v for n, v in told.items() if n.split()[0].endswith(ends) and not n.startswith("process")}


def _workers(hub: Installation, step: str) -> list[int]:
    return [place["pid"] for place in hub.processes() if place["step"] == step and place["pid"]]


def test_counts_outlive_processes_and_never_go_backwards(installation: Installation) -> None:
    hub = installation
    hub.settings["MIN_UPSERT_WORKERS"] = "2"
    hub.start()
    hub.key = hub.make_key()
    batch = hub.finished(hub.post(json.dumps(_CATALOGUE)).json()["batch_id"])
    hub.wait_until(lambda: _metrics(hub)[_TOLD] == 500)
    hub.wait_until(lambda: _metrics(hub).get("integrahub_batches_finished_total COMPLETED") == 1)
    before = _counters(_metrics(hub))
    for pid in [*_workers(hub, "upsert"), *_workers(hub, "api")]:
        os.kill(pid, signal.SIGKILL)
    hub.wait_until(lambda: _metrics(hub).get("integrahub_worker_restarts_total upsert", 0) >= 2)
    status = hub.command("fleet", "status", "--data", str(hub.folder / "kept")).stdout
    assert "-9 (SIGKILL" in status and "records waiting: split 0, upsert 0" in status and "{" not in status
    after = _counters(_metrics(hub))
    assert {name: (value, after.get(name)) for name, value in before.items() if after.get(name, -1) < value} == {}
    assert hub.stop() == 0
    hub.start()
    hub.wait_until(lambda: _TOLD in _metrics(hub))
    anew = _counters(_metrics(hub))
    assert {name: (value, anew.get(name)) for name, value in after.items() if anew.get(name, -1) < value} == {}
    assert anew[_TOLD] == 500
    top = hub.command("top", "--json", "--interval", "0.3", KEY="")
    assert top.returncode == 0, top.stderr
    look = json.loads(top.stdout)
    assert look["batches"][0]["batch_id"] == batch["batch_id"] and look["steps"]["upsert"]["workers"] >= 1
    assert look["troubles"] == dict.fromkeys(look["troubles"], 0) and set(look["breakers"].values()) == {"closed"}
    shown = hub.command("top", "--once", "--interval", "0.3")
    assert shown.returncode == 0 and CNPJ in shown.stdout and "no trouble" in shown.stdout


def _garbage(hub: Installation) -> None:
    """Send bytes that the HTTP server logs as invalid."""
    with socket.create_connection(("127.0.0.1", hub.port)) as connection:
        connection.sendall(b"\x16\x03\x01 no request at all\r\n\r\n")
        connection.recv(1000)


def _end_postgresql(hub: Installation) -> None:
    """Kill PostgreSQL, which pools and the supervisor log; wait until the hub is healthy again."""
    os.kill(int((hub.folder / "kept/postgres/cluster/postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
    hub.wait_until(lambda: hub.http.get("/health").status_code == 503)
    hub.wait_until(lambda: hub.http.get("/health").status_code == 200)


def test_logs_are_json_and_hold_no_key_and_no_price(installation: Installation) -> None:
    hub = installation
    hub.start()
    hub.key = hub.make_key()
    _garbage(hub)
    _end_postgresql(hub)
    harm = [
        {"PRODUCTID": 1, "TITLE": "A\ud800", "PRICE": "9182736.45"},
        {"PRODUCTID": 2, "TITLE": "B", "PRICE": "x9182736.45"},
    ]
    hub.finished(hub.post(json.dumps(harm), "full").json()["batch_id"])
    refused = hub.post(b"{", **{"X-Api-Key": hub.key + "x"}).json()["trace_id"]
    trace = hub.post(b'[{"PRODUCTID": 3, "TITLE": "C", "PRICE": 9182736.45', "delta").json()["trace_id"]
    hub.finished(f"{trace[:8]}-{trace[8:12]}-{trace[12:16]}-{trace[16:20]}-{trace[20:]}")
    for pid in _workers(hub, "upsert"):
        os.kill(pid, signal.SIGKILL)
    hub.wait_until(lambda: '"action":"restart"' in (hub.folder / "hub.log").read_text())
    assert hub.stop() == 0
    text = (hub.folder / "hub.log").read_text()
    assert hub.key not in text and "9182736" not in text
    lines = [json.loads(line) for line in text.splitlines() if not line.startswith(_WELCOME)]
    known = {"event", "level", "timestamp", "action", "process", "step", "host", "pid"}
    assert all(known <= line.keys() for line in lines), text
    assert {"fleet", "api", "worker"} <= {line["process"] for line in lines}
    assert any(line.get("library", "").startswith("psycopg") for line in lines), text
    by_trace = [line["event"] for line in lines if line.get("trace_id") == trace]
    assert by_trace[0] == "batch accepted" and by_trace[-1] == "batch failed", by_trace
    refusals = [line for line in lines if line["event"] == "request refused"]
    assert refused in {line["trace_id"] for line in refusals}


def test_one_trace_leads_through_every_process(installation: Installation) -> None:
    collector = Collector()
    try:
        hub = installation
        hub.settings |= {"TRACES_URL": collector.url}
        hub.start()
        hub.key = hub.make_key()
        answer = hub.post(json.dumps(_CATALOGUE)).json()
        hub.finished(answer["batch_id"])
        assert hub.stop() == 0  # what is left is sent at the end
        spans = {span.name: span for span in collector.spans if span.trace_id.hex() == answer["trace_id"]}
        assert set(spans) == {"POST request", "split", "upsert", "finish"}
        post = spans.pop("POST request")
        assert {span.parent_span_id for span in spans.values()} == {post.span_id}
    finally:
        collector.close()
