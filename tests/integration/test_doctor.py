"""`doctor` contacts every dependency and distinguishes faults from services that do not run."""

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integrahub.cli import main
from integrahub.cli.commands import doctor as verb
from integrahub.cli.diagnostics import running_hub as hub_check
from integrahub.secrets.development_certificate import ensure_development_certificate
from tests.runbook_entry import FollowedEntry

Findings = dict[str, tuple[str, str]]


class _Doctor:
    """The command in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.code = -1
        self.all: list[dict[str, str]] = []

    def __call__(self, **settings: object) -> Findings:
        for name, value in settings.items():
            if value is None:
                self._monkeypatch.delenv(f"INTEGRAHUB_{name}")
            else:
                self._monkeypatch.setenv(f"INTEGRAHUB_{name}", str(value))
        self._monkeypatch.setattr(sys, "argv", ["integrahub", "doctor", "--json"])
        self.code = main()
        self.all = json.loads(self._capsys.readouterr().out)
        return {finding["check"]: (finding["status"], finding["message"]) for finding in self.all}


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[_Doctor]:
    """Return a doctor for a folder and a port."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("INTEGRAHUB_DATA_DIR", str(tmp_path / "kept"))
    monkeypatch.setenv("INTEGRAHUB_PORT", str(_free_port()))
    mask = os.umask(0o077)
    yield _Doctor(monkeypatch, capsys)
    os.umask(mask)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def _answering(body: bytes | None) -> Iterator[int]:
    """Run a server that answers each request with `body`, or never."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                held.append(connection)
                if body is not None:
                    connection.recv(65536)
                    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
                    connection.sendall(head + body)

    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in held:
                connection.close()


def test_a_hub_that_does_not_run_is_stopped_and_no_problem(doctor: _Doctor) -> None:
    found = doctor()
    assert doctor.code == 0
    assert found["hub"][0] == found["postgresql"][0] == "stopped"
    assert "does not run" in found["hub"][1] and "is free" in found["hub"][1]


def test_what_has_the_hubs_port_is_told_apart(doctor: _Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    with _answering(b"<html>") as port:
        status, told = doctor(PORT=port)["hub"]
    assert status == "problem" and f"process {os.getpid()}" in told and "is not IntegraHub" in told
    monkeypatch.setattr(hub_check, "_HUB_CHECK_TIMEOUT_SECONDS", 0.2)
    with _answering(None) as port:
        status, told = doctor(PORT=port)["hub"]
    assert status == "problem" and "does not answer within" in told
    sick = {"status": "degraded", "checks": {"storage": {"status": "ok"}, "bus": {"status": "down", "message": "M."}}}
    with _answering(json.dumps(sick).encode()) as port:
        status, told = doctor(PORT=port)["hub"]
    assert status == "problem" and told.startswith("The hub runs at") and "but bus fails: M. See" in told
    assert doctor(URL="http://127.0.0.1:9")["hub"][0] == "stopped"


def test_every_wrong_setting_is_told_and_the_other_checks_go_on(doctor: _Doctor) -> None:
    found = doctor(LOG_LEVEL="LOUD", CHUNKSIZE=5, MIN_UPSERT_WORKERS=5, MAX_UPSERT_WORKERS=2, TLS_CERT="/nope")
    messages = [finding["message"] for finding in doctor.all if finding["check"] == "settings"]
    assert doctor.code == 1 and found["storage"][0] == found["python"][0] == "ok"
    for name in ("LOG_LEVEL", "CHUNKSIZE", "TLS_CERT"):
        assert any(f"INTEGRAHUB_{name}" in sentence for sentence in messages), name
    assert any("HOST" in f["message"] for f in doctor(HOST="0.0.0.0").values() for f in [{"message": f[1]}])
    entry = FollowedEntry("settings")
    assert entry.command("doctor --json") == ["doctor", "--json"]  # what the fixture runs
    entry.expect("`doctor` names the nearest name of an unknown one")
    assert any("INTEGRAHUB_CHUNK_SIZE is meant" in sentence for sentence in messages)
    doctor(LOG_LEVEL=None, CHUNKSIZE=None, MIN_UPSERT_WORKERS=None, MAX_UPSERT_WORKERS=None, TLS_CERT=None, HOST=None)
    assert doctor.code == 0, doctor.all


@pytest.mark.parametrize(
    ("settings", "check", "expected"),
    [
        ({"DATABASE_URL": "postgresql://u:hidden@127.0.0.1:9/x"}, "postgresql", "u@127.0.0.1:9/x does not answer"),
        ({"BUS_URL": "pigeon://carrier"}, "bus", "BUS_URL"),
        ({"BUS_URL": "kafka://127.0.0.1:1"}, "bus", "Kafka at 127.0.0.1:1 does not answer"),
        ({"STORAGE_URL": "file:///proc/nope"}, "settings", "bus local"),
        ({"SECRETS": "vault", "VAULT_ADDR": "http://127.0.0.1:9", "VAULT_TOKEN": "t"}, "secrets", "does not answer"),
        ({"SECRETS_DIR": "/nonexistent"}, "settings", "SECRETS_DIR"),
    ],
)
def test_a_dependency_that_does_not_answer_is_a_problem(
    doctor: _Doctor, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], check: str, expected: str
) -> None:
    if "kafka" in settings.get("BUS_URL", ""):
        pytest.importorskip("confluent_kafka")
        monkeypatch.setattr("integrahub.bus.kafka.bus._REQUEST_TIMEOUT_SECONDS", 0.5)
    doctor(**settings)
    told = [finding["message"] for finding in doctor.all if finding["check"] == check]
    assert any(expected in sentence for sentence in told), doctor.all
    assert "hidden" not in str(doctor.all)


def test_a_bucket_that_nobody_serves_is_a_problem(doctor: _Doctor) -> None:
    pytest.importorskip("obstore")
    keys = {"STORAGE_ACCESS_KEY": "a", "STORAGE_SECRET_KEY": "b"}
    status, told = doctor(STORAGE_URL=f"s3://bucket?endpoint=http://127.0.0.1:{_free_port()}", **keys)["storage"]
    assert status == "problem" and told.startswith("S3: ")
    named = {finding["check"]: finding.get("runbook") for finding in doctor.all}
    assert named["storage"] == "storage-unavailable" and named["python"] is None  # only problems name an entry


def test_a_database_is_looked_at_with_its_schema(doctor: _Doctor, database_url: str) -> None:
    status, told = doctor(DATABASE_URL=database_url)["postgresql"]
    assert status == "ok" and "version 18" in told
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_migrations (name, kind) VALUES ('0099_future.sql', 'contract')")
    status, told = doctor(DATABASE_URL=database_url)["postgresql"]
    assert status == "problem" and "0099_future.sql" in told
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = NULL")
    status, told = doctor(DATABASE_URL=database_url)["postgresql"]
    assert status == "problem" and "made by a pre-release" in told and "post the catalogues again" in told


def test_a_damaged_secret_file_is_a_problem(doctor: _Doctor, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "pepper.key").write_text("")
    assert doctor()["secrets"][0] == "problem"
    assert (tmp_path / "kept" / "pepper.key").read_text() == ""


def _certificate(folder: Path, begins: timedelta, ends: timedelta) -> dict[str, object]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now + begins).not_valid_after(now + ends)
    made = builder.sign(key, hashes.SHA256())
    (folder / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "k.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return {"TLS_CERT": folder / "c.pem", "TLS_KEY": folder / "k.pem"}


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [(-90, 90, "is valid until"), (-90, -1, "ended on"), (-90, 3, "ends on"), (1, 90, "is not valid yet")],
)
def test_certificates_are_looked_at(doctor: _Doctor, tmp_path: Path, begins: int, ends: int, expected: str) -> None:
    status, told = doctor(**_certificate(tmp_path, timedelta(days=begins), timedelta(days=ends)))["certificates"]
    assert expected in told and (status == "ok") is (expected == "is valid until")


def test_a_certificate_of_another_key_is_a_problem(doctor: _Doctor, tmp_path: Path) -> None:
    ours, _ = ensure_development_certificate(tmp_path / "ours")
    _, theirs = ensure_development_certificate(tmp_path / "theirs")
    status, told = doctor(TLS_CERT=ours, TLS_KEY=theirs)["certificates"]
    assert status == "problem" and "KEY_VALUES_MISMATCH" in told


def test_a_check_that_hangs_keeps_no_other_waiting(doctor: _Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setitem(verb._CHECKS, "storage", (lambda settings: str(released.wait()), "storage-unavailable"))
    monkeypatch.setitem(verb._CHECKS, "limits", (lambda settings: 1 / 0, "settings"))  # type: ignore[dict-item]
    monkeypatch.setattr(verb, "_DOCTOR_CHECK_TIMEOUT_SECONDS", 2.0)
    found = doctor()
    released.set()
    assert found["storage"][0] == found["limits"][0] == "problem" and "no answer within" in found["storage"][1]
    assert found["python"][0] == "ok" and doctor.code == 1
