"""HashiCorp Vault or OpenBao: settings from KV version 2, credentials from the database engine."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import msgspec

from integrahub.domain.addresses import is_local_url
from integrahub.secrets.base import DatabaseCredentials, SecretUnavailable, parse_credentials, parse_settings

_VAULT_TIMEOUT_SECONDS = 5.0
_LEASE_USE_RATIO = 2 / 3  # renew after this share of a lease
_SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True, slots=True)
class VaultConfig:
    """Address of Vault, and how to authenticate.

    `path` is mount and secret, such as `secret/integrahub`. The hub uses `token`, or logs in by AppRole (`role_id` and
    `secret_id`), or as a Kubernetes service account with `role`. `authority` is a PEM file of the CA; None: the CAs of
    the system.
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
    """A value that expires at `until` of the monotonic clock. None: it does not expire by itself."""

    value: Any = field(repr=False)
    until: float | None


class _Auth(msgspec.Struct, frozen=True):
    client_token: str
    lease_duration: float


class _Response(msgspec.Struct, frozen=True):
    """Members of Vault's responses that the hub reads. `data` holds the secret, `auth` the result of a login."""

    data: dict[str, Any] | None = None
    auth: _Auth | None = None
    lease_duration: float = 0.0
    errors: list[str] = []


class Vault:
    """One Vault. Leased credentials are used for two thirds of their lease, then replaced."""

    def __init__(
        self, config: VaultConfig, clock: Callable[[], float] = monotonic, timeout: float = _VAULT_TIMEOUT_SECONDS
    ) -> None:
        self._config = config
        self._timeout = timeout
        self._clock = clock
        self._token: _Leased | None = None
        self._leases: dict[str, _Leased] = {}

    def values(self) -> dict[str, str]:
        """Return the settings of the newest version of the secret."""
        mount, _, secret = self._config.path.partition("/")
        data = self._read(f"{mount}/data/{secret}").data or {}
        return parse_settings(data.get("data"), self._config.path)

    def credentials(self, name: str) -> DatabaseCredentials:
        """Return credentials from `database/creds/ROLE` (leased) or `database/static-creds/ROLE` (rotated by Vault)."""
        leased = self._leases.get(name)
        if leased is None or leased.until is None or leased.until <= self._clock():
            response = self._read(name)
            credentials = parse_credentials(response.data, name)
            leased = self._leases[name] = _Leased(credentials, self._end_of(response.lease_duration))
        result: DatabaseCredentials = leased.value
        return result

    def invalidate(self) -> None:
        """Drop all credentials and the token."""
        self._leases.clear()
        self._token = None

    def _end_of(self, seconds: float) -> float | None:
        """Return when to replace a lease: it ends with its token at the latest."""
        ends = [self._token.until] if self._token and self._token.until is not None else []
        ends += [self._clock() + seconds * _LEASE_USE_RATIO] if seconds else []
        return min(ends) if seconds else None

    def _read(self, path: str) -> _Response:
        answer = self._request("GET", path, self._valid_token())
        if answer.status_code == 403 and not self._config.token:
            self._token = None  # revoked before its expiry
            answer = self._request("GET", path, self._valid_token())
        return self._parse(path, answer)

    def _valid_token(self) -> str:
        if self._config.token:
            return self._config.token
        if self._token is None or (self._token.until is not None and self._token.until <= self._clock()):
            auth = self._log_in()
            self._leases.clear()  # the leases of the previous token end with it
            seconds = auth.lease_duration
            self._token = _Leased(auth.client_token, self._clock() + seconds * _LEASE_USE_RATIO if seconds else None)
        return str(self._token.value)

    def _log_in(self) -> _Auth:
        config = self._config
        if config.role_id and config.secret_id:
            path, body = "auth/approle/login", {"role_id": config.role_id, "secret_id": config.secret_id}
        elif config.role and _SERVICE_ACCOUNT_TOKEN.exists():
            token = _SERVICE_ACCOUNT_TOKEN.read_text().strip()
            path, body = "auth/kubernetes/login", {"role": config.role, "jwt": token}
        else:
            raise SecretUnavailable(
                "Vault needs authentication. Set INTEGRAHUB_VAULT_TOKEN, or INTEGRAHUB_VAULT_ROLE_ID and "
                "INTEGRAHUB_VAULT_SECRET_ID, or in Kubernetes INTEGRAHUB_VAULT_ROLE."
            )
        auth = self._parse(path, self._request("POST", path, None, body)).auth
        if auth is None:
            raise SecretUnavailable(f"Vault at {config.address} answered {path} without a token.")
        return auth

    def _request(self, method: str, path: str, token: str | None, body: Any = None) -> httpx2.Response:
        config = self._config
        own = {"X-Vault-Token": token, "X-Vault-Namespace": config.namespace, "X-Vault-Request": "true"}
        headers = {name: value for name, value in own.items() if value}
        try:
            tls = ssl.create_default_context(cafile=config.authority)
            local = is_local_url(config.address)  # never use a proxy to reach an agent on this machine
            with httpx2.Client(
                base_url=config.address, verify=tls, timeout=self._timeout, trust_env=not local
            ) as client:
                return client.request(method, f"/v1/{path}", headers=headers, json=body)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise SecretUnavailable(f"Vault at {config.address} does not answer: {error}") from error
        except OSError as error:
            raise SecretUnavailable(
                f"INTEGRAHUB_VAULT_CACERT is {config.authority}, which holds no certificate: {error}"
            ) from error

    def _parse(self, path: str, answer: httpx2.Response) -> _Response:
        try:
            response = msgspec.json.decode(answer.content, type=_Response)
        except msgspec.MsgspecError:
            response = None
        if answer.status_code != 200 or response is None:
            reasons = ", ".join(response.errors) if response else ""
            raise SecretUnavailable(
                f"Vault at {self._config.address} answered {answer.status_code} for {path}: "
                f"{reasons or 'nothing is there'}."
            )
        return response
