"""TLS as clients and openssl see it; slow and endless requests are ended."""

import re
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx2
import pytest

from integrahub.secrets.development_certificate import ensure_development_certificate
from integrahub.secrets.secret_files import CA_FILE
from tests.acceptance.conftest import ADMIN, Installation
from tests.runbook_entry import FollowedEntry


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def secured() -> Iterator[Installation]:
    """Yield a hub with TLS, and plain HTTP on a second port."""
    with tempfile.TemporaryDirectory(prefix="ihub-acceptance-", ignore_cleanup_errors=True) as folder:
        made = Installation(Path(folder))
        made.use_tls()
        made.settings |= {"TLS_REDIRECT_PORT": str(_port()), "BODY_PATIENCE": "1"}
        try:
            made.start()
            made.key = made.make_key()
            yield made
        finally:
            made.http.close()
            if made.process and made.process.poll() is None:
                made.kill()


def _openssl(hub: Installation, *options: str) -> str:
    trusted = str(hub.folder / "kept" / "tls" / CA_FILE)
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{hub.port}", "-CAfile", trusted, *options]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=30)
    return (done.stdout + done.stderr).decode(errors="replace")


def test_a_post_goes_through_and_is_asked_to_come_so_again(secured: Installation) -> None:
    answer = secured.post(b'[{"PRODUCTID": 1, "TITLE": "A"}]')
    assert answer.status_code == 202
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert answer.headers["x-content-type-options"] == "nosniff"
    listed = secured.command("key", "list", "--json", INTEGRAHUB_KEY=ADMIN)
    assert listed.returncode == 0, listed.stderr


def test_openssl_finds_a_chain_it_trusts_and_none_but_modern_protocols(secured: Installation) -> None:
    assert "Verify return code: 0 (ok)" in _openssl(secured, "-tls1_3")
    assert "ECDHE" in _openssl(secured, "-tls1_2") and "Verify return code: 0 (ok)" in _openssl(secured, "-tls1_2")
    for old in (["-tls1_1"], ["-tls1"], ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"]):
        assert "Cipher is (NONE)" in _openssl(secured, *old)


def test_plain_http_is_shown_the_way_with_308(secured: Installation) -> None:
    port = secured.settings["TLS_REDIRECT_PORT"]
    answer = httpx2.post(f"http://127.0.0.1:{port}/v1/batches?limit=3", content=b"x")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://127.0.0.1:{secured.port}/v1/batches?limit=3"
    strange = httpx2.get(f"http://127.0.0.1:{port}/", headers={"Host": "a b\\evil"})
    assert strange.status_code == 400 or strange.headers["location"].startswith("https://a:")
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://127.0.0.1:{secured.port}/livez")


def test_a_renewed_certificate_is_used_without_dropping_who_is_there(secured: Installation) -> None:
    folder = secured.folder / "kept" / "tls"
    serial = _serial(secured)
    kept = ssl.create_default_context(cafile=folder / CA_FILE)
    raw = socket.create_connection(("127.0.0.1", secured.port))
    with kept.wrap_socket(raw, server_hostname="localhost") as open_:
        (folder / "certificate.pem").write_text("half a certifi")
        secured.wait_until(lambda: "new certificate is not usable" in secured.log())
        assert _serial(secured) == serial
        entry = FollowedEntry("certificates")
        found = secured.command(*entry.command("doctor"))
        assert found.returncode == 1 and re.search(r"problem +certificates", found.stdout), found.stdout
        entry.expect("replace the files of `TLS_CERT` and `TLS_KEY`", "`openssl s_client -connect HOST:PORT`")
        (folder / "certificate.pem").unlink()
        ensure_development_certificate(folder)
        secured.wait_until(lambda: _serial(secured) != serial)
        open_.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert open_.recv(100).startswith(b"HTTP/1.1 200")
    (secured.folder / "kept").chmod(0o700)  # this test made the folder
    found = secured.command(*entry.command("doctor"))
    assert found.returncode == 0, found.stdout
    fresh = httpx2.get(
        f"https://127.0.0.1:{secured.port}/livez", verify=ssl.create_default_context(cafile=folder / CA_FILE)
    )
    assert fresh.status_code == 200
    secured.http.close()
    secured.http = httpx2.Client(
        base_url=f"https://127.0.0.1:{secured.port}", verify=ssl.create_default_context(cafile=folder / CA_FILE)
    )


def _serial(hub: Installation) -> str:
    return ssl.get_server_certificate(("127.0.0.1", hub.port))


def test_a_silent_client_and_a_silent_body_are_ended(secured: Installation) -> None:
    context = ssl.create_default_context(cafile=secured.folder / "kept" / "tls" / CA_FILE)
    raw = socket.create_connection(("127.0.0.1", secured.port))
    raw.settimeout(60)
    with context.wrap_socket(raw, server_hostname="localhost") as slow:
        slow.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert slow.recv(10_000).startswith(b"HTTP/1.1 408")
        assert slow.recv(100) == b""
    raw = socket.create_connection(("127.0.0.1", secured.port))
    raw.settimeout(60)
    with context.wrap_socket(raw, server_hostname="localhost") as slow:
        head = f"POST /v1/inovafarma/products HTTP/1.1\r\nHost: x\r\nX-Api-Key: {secured.key}\r\n"
        slow.sendall((head + "X-Inova-Load-Type: full\r\nContent-Length: 1000\r\n\r\n[{").encode())
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_head_without_end_is_ended(secured: Installation) -> None:
    context = ssl.create_default_context(cafile=secured.folder / "kept" / "tls" / CA_FILE)
    raw = socket.create_connection(("127.0.0.1", secured.port))
    with context.wrap_socket(raw, server_hostname="localhost") as long:
        long.settimeout(60)
        with pytest.raises((ConnectionError, ssl.SSLError, AssertionError)):
            long.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
            for number in range(1000):
                long.sendall(b"X-%d: %s\r\n" % (number, b"a" * 1000))
            assert b"431" not in long.recv(100)


@pytest.mark.long
def test_connections_over_tls_that_do_nothing_cost_little_and_keep_nobody_out(secured: Installation) -> None:
    context = ssl.create_default_context(cafile=secured.folder / "kept" / "tls" / CA_FILE)
    secured.post(b'[{"PRODUCTID": 2, "TITLE": "A"}]').raise_for_status()
    before, most = secured.weights(), dict[int, int]()

    def weigh() -> None:
        for pid, weight in secured.weights().items():
            most[pid] = max(most.get(pid, 0), weight)

    with ExitStack() as held:
        for number in range(3500):
            source = (f"127.0.0.{2 + number % 3}", 0)
            one = held.enter_context(socket.create_connection(("127.0.0.1", secured.port), 30, source))
            if number >= 2000:
                with suppress(OSError):  # closed to make room
                    one = held.enter_context(context.wrap_socket(one, server_hostname="localhost"))
                    one.sendall(b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n")
                    one.recv(1000)
            if number % 500 == 499:
                weigh()
                assert secured.post(b'[{"PRODUCTID": 3, "TITLE": "A"}]').status_code == 202
        weigh()
    growth = max(most[pid] - before[pid] for pid in before if pid in most)
    print(f"growth {growth / 1e6:.0f} MB")
    assert growth < 50 << 20


def test_the_hub_does_not_listen_to_others_in_the_clear_unless_asked_by_name(installation: Installation) -> None:
    refused = installation.command("up", INTEGRAHUB_HOST="0.0.0.0", INTEGRAHUB_PORT=str(_port()))
    assert refused.returncode == 1
    assert "--plain-http" in refused.stderr and "TLS_CERT" in refused.stderr
    half = installation.command("api", INTEGRAHUB_TLS_CERT=__file__, INTEGRAHUB_DATABASE_URL="postgresql:///x")
    assert half.returncode == 1 and "TLS_KEY" in half.stderr
