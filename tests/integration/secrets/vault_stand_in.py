"""Stand-in for Vault on machines without one: KV version 2, AppRole and the database engine, as far as tests need.

It keeps everything in memory, has one policy, and drops a login when its lease is revoked.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from threading import Lock
from typing import Any

import psycopg

from tests.http_servers import QuietHandler, running

ROOT = "root-token-of-the-stand-in"


class _Kept:
    """Stored values by path, with the issued tokens and leases."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}
        self.tokens = {ROOT}
        self.leases: dict[str, str] = {}
        self.secret_ids: set[str] = set()
        self.one = Lock()

    def answer(self, method: str, path: str, fields: dict[str, Any], token: str) -> tuple[int, dict[str, Any]]:
        if path == "auth/approle/login":
            return self._log_in(fields)
        if token not in self.tokens:
            return 403, {"errors": ["permission denied"]}
        if path == "sys/leases/revoke":
            self._statement(f'DROP ROLE IF EXISTS "{self.leases.pop(fields["lease_id"])}"', "pg")
            return 204, {}
        if path.endswith("/role-id"):
            return 200, {"data": {"role_id": path.split("/")[3]}}
        if path.endswith("/secret-id"):
            self.secret_ids.add(made := secrets.token_hex(16))
            return 200, {"data": {"secret_id": made}}
        if path == "auth/token/revoke":
            self.tokens.discard(fields["token"])
            return 204, {}
        if method == "POST":
            self.stored[path] = fields
            return (200, {"data": {"version": 1}}) if "/data/" in path else (204, {})
        return self._read(path)

    def _log_in(self, fields: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if fields.get("secret_id") not in self.secret_ids:
            return 400, {"errors": ["invalid role or secret ID"]}
        self.tokens.add(token := secrets.token_hex(16))
        role = self.stored.get(f"auth/approle/role/{fields['role_id']}", {})
        return 200, {"auth": {"client_token": token, "lease_duration": int(role.get("token_ttl", 0))}}

    def _read(self, path: str) -> tuple[int, dict[str, Any]]:
        if path.startswith("database/creds/"):
            return self._lend(path.rpartition("/")[2])
        if path not in self.stored:
            return 404, {"errors": []}
        return 200, {"data": {"data": self.stored[path]["data"]}, "lease_duration": 0}

    def _lend(self, name: str) -> tuple[int, dict[str, Any]]:
        role = self.stored[f"database/roles/{name}"]
        user, password = f"v-token-{name}-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
        for statement in role["creation_statements"]:
            made = statement.replace("{{name}}", user).replace("{{password}}", password)
            self._statement(made.replace("{{expiration}}", "infinity"), role["db_name"])
        self.leases[lease := f"database/creds/{name}/{secrets.token_hex(8)}"] = user
        seconds = int(str(role["default_ttl"]).rstrip("s"))
        return 200, {"lease_id": lease, "lease_duration": seconds, "data": {"username": user, "password": password}}

    def _statement(self, statement: str, database: str) -> None:
        config = self.stored[f"database/config/{database}"]
        url = config["connection_url"].replace(
            "{{username}}:{{password}}", f"{config['username']}:{config['password']}"
        )
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


@contextmanager
def vault_stand_in() -> Iterator[tuple[str, str]]:
    """Run the stand-in; yield its address and a root token."""
    kept = _Kept()

    class Answering(QuietHandler):
        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            fields = json.loads(self.rfile.read(size) or b"{}")
            path = self.path.removeprefix("/v1/")
            with kept.one:
                status, body = kept.answer(self.command, path, fields, self.headers.get("X-Vault-Token", ""))
            content = json.dumps(body).encode() if status != 204 else b""
            self.respond(status, content)

        do_GET = do_POST = _answer

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Answering)) as server:
        yield f"http://127.0.0.1:{server.server_port}", ROOT
