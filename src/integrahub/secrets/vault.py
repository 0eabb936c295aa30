"""HashiCorp Vault, or OpenBao, which speaks the same: KV version 2, and logins of its database engine."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from integrahub.domain.addresses import is_local_url
from integrahub.secrets.base import DatabaseCredentials, SecretUnavailable, as_login, as_settings

_PATIENCE = 5.0  # seconds each part of an answer may take
_USED = 2 / 3  # of what was lent for a time, after which it is asked for anew
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True, slots=True)
class VaultConfig:
    """`path` is mount and secret, `secret/integrahub`. Whoever asks has a `token`, or logs in: by AppRole (`role_id`,
    `secret_id`), or as Kubernetes' service account in `role`. `authority` is a PEM file; None: the system's.
    """

    address: str
    path: str
    token: str | None = field(default=None, repr=False)
    namespace: str | None = None
    authority: Path | None = None
    role: str | None = None
    role_id: str | None = None
    secret_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Leased:
    """Something good until a moment of the process's clock; None: until it is changed by somebody."""

    what: Any = field(repr=False)
    until: float | None


class Vault:
    """The keeper's port over one Vault. A login lent for a time is used for two thirds of it, then another is taken."""

    def __init__(self, place: VaultConfig, clock: Callable[[], float] = monotonic, patience: float = _PATIENCE) -> None:
        self._place = place
        self._patience = patience
        self._clock = clock
        self._token: _Leased | None = None
        self._lent: dict[str, _Leased] = {}

    def values(self) -> dict[str, str]:
        """Settings by name, of the newest version."""
        mount, _, secret = self._place.path.partition("/")
        return as_settings(self._read(f"{mount}/data/{secret}")["data"].get("data"), self._place.path)

    def credentials(self, name: str) -> DatabaseCredentials:
        """Of `database/creds/ROLE` (lent) or `database/static-creds/ROLE` (rotated by Vault itself)."""
        lent = self._lent.get(name)
        if lent is None or lent.until is None or lent.until <= self._clock():
            told = self._read(name)
            lent = self._lent[name] = _Leased(as_login(told["data"], name), self._end_of(told["lease_duration"]))
        login: DatabaseCredentials = lent.what
        return login

    def invalidate(self) -> None:
        """Neither logins nor the token are used again."""
        self._lent.clear()
        self._token = None

    def _end_of(self, seconds: float) -> float | None:
        """What a token takes ends with the token at the latest."""
        ends = [self._token.until] if self._token and self._token.until is not None else []
        ends += [self._clock() + seconds * _USED] if seconds else []
        return min(ends) if seconds else None

    def _read(self, path: str) -> dict[str, Any]:
        answer = self._ask("GET", path, self._known_token())
        if answer.status_code == 403 and not self._place.token:
            self._token = None  # ended before its time
            answer = self._ask("GET", path, self._known_token())
        return self._answered(path, answer)

    def _known_token(self) -> str:
        if self._place.token:
            return self._place.token
        if self._token is None or (self._token.until is not None and self._token.until <= self._clock()):
            told = self._log_in()["auth"]
            self._lent.clear()  # what the token before took ends with it
            seconds = told["lease_duration"]
            self._token = _Leased(told["client_token"], self._clock() + seconds * _USED if seconds else None)
        return str(self._token.what)

    def _log_in(self) -> dict[str, Any]:
        place = self._place
        if place.role_id and place.secret_id:
            path, told = "auth/approle/login", {"role_id": place.role_id, "secret_id": place.secret_id}
        elif place.role and _ACCOUNT.exists():
            path, told = "auth/kubernetes/login", {"role": place.role, "jwt": _ACCOUNT.read_text().strip()}
        else:
            raise SecretUnavailable(
                "Vault asks who this is. Set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, or in Kubernetes "
                "VAULT_ROLE."
            )
        return self._answered(path, self._ask("POST", path, None, told))

    def _ask(self, method: str, path: str, token: str | None, told: Any = None) -> httpx.Response:
        place = self._place
        own = {"X-Vault-Token": token, "X-Vault-Namespace": place.namespace, "X-Vault-Request": "true"}
        headers = {name: value for name, value in own.items() if value}
        try:
            trusted = ssl.create_default_context(cafile=place.authority)
            local = is_local_url(place.address)  # an agent on this machine is never behind a proxy
            with httpx.Client(
                base_url=place.address, verify=trusted, timeout=self._patience, trust_env=not local
            ) as client:
                return client.request(method, f"/v1/{path}", headers=headers, json=told)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise SecretUnavailable(f"Vault at {place.address} does not answer: {error}") from error
        except OSError as error:
            raise SecretUnavailable(
                f"VAULT_CACERT is {place.authority}, which holds no certificate: {error}"
            ) from error

    def _answered(self, path: str, answer: httpx.Response) -> dict[str, Any]:
        try:
            told = answer.json()
        except ValueError:
            told = {}
        if answer.status_code != 200 or not isinstance(told, dict):
            reasons = ", ".join(told.get("errors", ())) if isinstance(told, dict) else ""
            raise SecretUnavailable(
                f"Vault at {self._place.address} answered {answer.status_code} for {path}: "
                f"{reasons or 'nothing is there'}."
            )
        return told
