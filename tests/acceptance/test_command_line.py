"""Commands of operators and integrators, through the real program and a running hub."""

import gzip
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

import pytest

from tests.acceptance.conftest import ADMIN, CNPJ, OTHER, Installation


def test_a_pharmacy_its_key_and_its_catalogue_by_the_command_line_alone(hub: Installation) -> None:
    assert hub.command("pharmacy", "add", "33.000.167/0001-01", "--name", "Farmácia Nova").returncode == 0
    shown = json.loads(hub.command("pharmacy", "show", "33000167000101", "--json").stdout)
    assert shown["name"] == "Farmácia Nova"
    changed = hub.command("pharmacy", "set", "33000167000101", "--deactivation-limit", "20%", "--json")
    assert float(json.loads(changed.stdout)["deactivation_limit"]) == 0.2
    key = json.loads(hub.command("key", "create", "--cnpj", "33000167000101", "--json").stdout)["api_key"]
    lines = gzip.decompress((files("integrahub") / "samples" / "catalogue.ndjson.gz").read_bytes())
    path = hub.folder / "catalogo.ndjson.gz"
    path.write_bytes(gzip.compress(lines.replace(CNPJ.encode(), b"33000167000101")))
    sent = hub.command("send", str(path), "--type", "full", "--watch", "--json", INTEGRAHUB_KEY=key)
    assert sent.returncode == 0, sent.stderr
    batch = json.loads(sent.stdout)
    assert (batch["status"], batch["inserted"]) == ("COMPLETED", 16349)
    listed = json.loads(hub.command("batch", "list", "--json", "--cnpj", "33000167000101").stdout)
    assert [row["batch_id"] for row in listed] == [batch["batch_id"]]
    assert json.loads(hub.command("batch", "errors", batch["batch_id"], "--json").stdout) == []
    assert "COMPLETED" in hub.command("batch", "show", batch["batch_id"]).stdout


@pytest.mark.distributed
def test_a_held_deactivation_is_approved_by_the_command_line(hub: Installation) -> None:
    key = json.loads(hub.command("key", "create", "--cnpj", "11222333000181", "--json").stdout)["api_key"]
    ids = []
    for count in (100, 10):
        path = hub.folder / f"{count}.json"
        path.write_text(json.dumps([{"PRODUCTID": n, "TITLE": f"P {n}"} for n in range(1, count + 1)]))
        sent = hub.command("send", str(path), "--type", "full", "--watch", "--json", INTEGRAHUB_KEY=key)
        ids.append(json.loads(sent.stdout)["batch_id"])
    assert hub.command("batch", "approve", ids[0], "--yes").returncode == 1
    assert hub.command("batch", "approve", ids[1], "--yes").returncode == 0
    show = ("batch", "show", ids[1], "--json")
    hub.wait_until(lambda: _state_of_deactivation(hub, ids[1]) == "approved")
    assert json.loads(hub.command(*show).stdout)["deactivated"] == 90
    assert "nothing to decide" in hub.command("batch", "reject", ids[1]).stderr


def _state_of_deactivation(hub: Installation, batch_id: str) -> str:
    answer = hub.http.get(f"/v1/batches/{batch_id}", headers={"X-Admin-Api-Key": ADMIN})
    return str(answer.json()["deactivation"]["state"])


def test_psql_reads_the_hubs_database_wherever_it_is_and_changes_nothing(hub: Installation) -> None:
    held = hub.command("psql", "-Atc", "SELECT count(*) FROM held_deactivations", PGHOST="/nowhere")
    assert (held.returncode, held.stdout.strip().isdecimal()) == (0, True), held.stderr
    assert "read-only" in hub.command("psql", "-c", "DELETE FROM batches").stderr
    assert "DELETE 0" in hub.command("psql", "--write", "-c", "DELETE FROM batches WHERE false").stdout
    nowhere = hub.command("psql", "--data", str(hub.folder / "nowhere"))
    assert nowhere.returncode == 1 and "integrahub up" in nowhere.stderr


def test_a_key_is_rotated_and_revoked_by_the_command_line(hub: Installation) -> None:
    first = json.loads(hub.command("key", "create", "--all", "--json").stdout)
    second = json.loads(hub.command("key", "rotate", first["id"], "--json").stdout)
    assert hub.command("batch", "list", INTEGRAHUB_KEY=second["api_key"]).returncode == 0
    assert hub.command("key", "revoke", first["id"]).returncode == 0
    refused = hub.command("batch", "list", INTEGRAHUB_KEY=first["api_key"])
    assert refused.returncode == 1 and "401" in refused.stderr
    kept = json.loads(hub.command("key", "list", "--json").stdout)
    assert first["api_key"] not in json.dumps(kept) and {first["id"], second["id"]} <= {row["id"] for row in kept}


def test_wrong_usage_ends_with_2_and_a_failure_with_1(hub: Installation) -> None:
    assert hub.command("send", "no-such-file", "--type", "full").returncode == 2
    assert hub.command("work", "dance").returncode == 2
    assert hub.command("up", INTEGRAHUB_CHUNK_SIZE="many").returncode == 2
    assert hub.command("key", "create").returncode == 2
    away = hub.command("batch", "list", INTEGRAHUB_URL="http://127.0.0.1:9")
    assert away.returncode == 1 and "integrahub up" in away.stderr


def test_doctor_finds_a_well_hub_and_a_bad_setting(hub: Installation) -> None:
    well = hub.command("doctor", "--json")
    assert {finding["status"] for finding in json.loads(well.stdout)} == {"ok"}, well.stdout
    sick = hub.command("doctor", INTEGRAHUB_BUS_URL="pigeon://carrier")
    assert sick.returncode == 1 and "BUS_URL" in sick.stdout


def test_the_api_describes_itself_the_same_way_in_the_docs_and_on_the_command_line(hub: Installation) -> None:
    served = hub.http.get("/openapi.json").json()
    assert json.loads(hub.command("openapi").stdout) == served
    assert {"/v1/inovafarma/products", "/v1/products", "/v1/batches/{batch_id}", "/health"} <= served["paths"].keys()
    page = hub.http.get("/docs").text
    parts = re.findall(r'(?:src|href)="(swagger/[^"]+)"', page)
    assert len(parts) == 3 and all(hub.http.get(f"/{path}").status_code == 200 for path in parts)
    assert "cdn" not in page
    assert hub.http.get("/livez").status_code == hub.http.get("/readyz").status_code == 200


@pytest.mark.long  # `make demo`, which `.ci/run` runs too, is the same
def test_demo_adds_up(hub: Installation) -> None:
    shown = hub.command("demo")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Every figure adds up" in shown.stdout and "held" in shown.stdout


def test_a_chosen_key_is_read_from_standard_input_and_never_from_the_command_line(hub: Installation) -> None:
    command = [sys.executable, "-m", "integrahub", "key", "create", "--cnpj", OTHER, "--json", "--key"]
    given: dict[str, Any] = {"env": hub.environment, "cwd": hub.folder, "capture_output": True, "text": True}
    made = subprocess.run(command, input="a-key-kept-from-an-older-hub\n", **given)
    assert (made.returncode, json.loads(made.stdout)["api_key"]) == (0, "a-key-kept-from-an-older-hub"), made.stderr
    shown = subprocess.run([*command, "a-key-on-the-command-line-42"], input="", **given)
    assert shown.returncode == 2


def test_a_catalogue_is_sent_from_a_pipe(hub: Installation) -> None:
    records = [{"PRODUCTID": n, "TITLE": f"Loção {n}"} for n in range(1, 51)]
    lines = "\n".join(json.dumps(record) for record in records).encode()
    key = json.loads(hub.command("key", "create", "--cnpj", "44555666000181", "--json").stdout)["api_key"]
    for sent in (gzip.compress(lines), json.dumps(records).encode()):
        done = hub.command("send", "-", "--type", "full", "--watch", "--json", given=sent, INTEGRAHUB_KEY=key)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["items_total"] == 50
    pipe = hub.folder / "catalogue.pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as threads:
        threads.submit(pipe.write_bytes, gzip.compress(lines))
        done = hub.command("send", str(pipe), "--type", "delta", "--watch", "--json", INTEGRAHUB_KEY=key)
        os.close(os.open(pipe, os.O_RDWR))  # a refusal may leave the pipe unread: free its writer
    assert done.returncode == 0 and json.loads(done.stdout)["unchanged"] == 50
    refused = hub.command("send", "-", "--type", "full", given=b"", INTEGRAHUB_KEY=key)
    assert refused.returncode == 2 and "standard input holds neither" in refused.stderr
