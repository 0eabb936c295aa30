"""Connections to a hub: no proxy for this machine, and a clear error for each failure."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from integrahub.cli.connect import open_client
from integrahub.cli.loopback import keep_loopback_off_proxies
from integrahub.client import ApiError, Client, InvalidConfiguration
from integrahub.client.transport import is_local_url, proxy_of
from integrahub.domain import addresses
from integrahub.secrets.development_certificate import ensure_development_certificate
from integrahub.secrets.secret_files import CA_FILE

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*_PROXIES, *(name.lower() for name in _PROXIES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@contextmanager
def _listening(context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """Run a server that answers `{}` and records requests; with `context` over TLS."""
    heard: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                if context:
                    connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                with suppress(OSError), connection:
                    heard.append(connection.recv(65536))
                    connection.sendall(_ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture
def certified(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """Return the file of an authority, and the TLS context of a server with its certificate."""
    certificate, key = ensure_development_certificate(tmp_path / "elsewhere")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return tmp_path / "elsewhere" / CA_FILE, context


def _refused(told: str) -> AbstractContextManager[object]:
    return pytest.raises(ApiError, match=told)


def test_a_hub_of_this_machine_is_not_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with _listening() as (proxy, seen_by_proxy), _listening() as (port, seen_by_hub):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy}")
        monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080")
        for host in ("127.0.0.1", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]"):
            with open_client(f"http://{host}:{port}", "a-key") as client:
                client.get("/v1/batches")
        assert seen_by_proxy == [] and len(seen_by_hub) == 4


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE"])
def test_files_that_variables_of_tls_libraries_name_need_not_be_there(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "/nonexistent/file")
    with _listening() as (port, _), open_client(f"http://127.0.0.1:{port}", "a-key") as client:
        assert client.get("/v1/batches") == {}


def test_another_machine_is_asked_through_the_proxy_and_a_refusal_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:hidden@127.0.0.1:9")
    with open_client("http://hub.example.com", "a-key") as client, pytest.raises(ApiError) as refused:
        client.get("/v1/batches")
    assert "http://127.0.0.1:9 (HTTP_PROXY)" in str(refused.value) and "hidden" not in str(refused.value)
    monkeypatch.setenv("NO_PROXY", "hub.example.com")
    assert proxy_of("http://hub.example.com") is None


@pytest.mark.parametrize("proxy", ["socks://127.0.0.1:1080", "socks5://127.0.0.1:1080", "127.0.0.1:abc"])
def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(InvalidConfiguration, match="ALL_PROXY"):
        open_client("http://hub.example.com", "a-key")


def test_loopback_is_named_in_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "example.com")
    keep_loopback_off_proxies()
    keep_loopback_off_proxies()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert proxy_of("http://other.com") == "http://127.0.0.1:9"
    assert proxy_of("http://example.com") is proxy_of("http://127.0.0.1:9000") is None


def test_certificates_and_plain_ports_are_told_apart(
    certified: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = certified
    with _listening(context) as (port, _):
        with open_client(f"https://127.0.0.1:{port}", "k") as client, _refused("in Python: `trusted`"):
            client.get("/")
        with open_client(f"http://127.0.0.1:{port}", "k") as client, _refused(r"speaks TLS.*https://"):
            client.get("/")
        monkeypatch.setenv("INTEGRAHUB_CA", str(authority))
        with open_client(f"https://127.0.0.1:{port}", "k") as client:
            assert client.get("/") == {}
    with (
        _listening() as (port, _),
        open_client(f"https://127.0.0.1:{port}", "k") as client,
        _refused(r"no TLS.*http://"),
    ):
        client.get("/")
    monkeypatch.setenv("INTEGRAHUB_CA", str(authority.with_name("key.pem")))
    with pytest.raises(InvalidConfiguration, match="no certificate of an authority"):
        open_client("https://127.0.0.1:9", "k")


def test_the_file_of_an_authority_is_handed_in(certified: tuple[Path, ssl.SSLContext]) -> None:
    authority, context = certified
    with _listening(context) as (port, _):
        with Client(f"https://127.0.0.1:{port}", "k", trusted=authority, retries=0) as client:
            assert client.get("/") == {}
        with Client(f"https://127.0.0.1:{port}", "k") as client, pytest.raises(ApiError) as refused:
            client.get("/")
    assert (refused.value.code, refused.value.retryable) == ("unreachable", False)


@pytest.mark.parametrize("key", ["chave-ção", "two\nlines", "tab\there"])
def test_a_key_that_cannot_be_sent_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(ApiError, match="ASCII"):
        open_client("http://127.0.0.1:9", key)


_URLS = (
    *("http://127.0.0.1:8000", "http://localhost", "https://hub.localhost./x", "http://[::1]:80", "http://LOCALHOST"),
    *("http://[::ffff:127.0.0.1]", "http://127.1.2.3", "http://10.0.0.1", "http://hub.example.com", "http://[::2]"),
    *("http://localhost.example.com", "http://[", "http://"),
)


@pytest.mark.parametrize("url", _URLS)
def test_the_library_and_the_hub_agree_on_what_this_machine_is(url: str) -> None:
    assert is_local_url(url) is addresses.is_local_url(url)
