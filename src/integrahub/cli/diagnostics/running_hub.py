"""Whether the hub runs, is well, or something else has its port; and what it says of its keys."""

import socket
from typing import Any

import httpx

from integrahub.cli.connect import find_key, hub_url, load_trusted, open_client
from integrahub.cli.diagnostics.dependencies import CheckFailed, Stopped
from integrahub.client.client import ApiError, authorization
from integrahub.client.transport import open_http, unreachable
from integrahub.domain.addresses import is_local_url
from integrahub.settings.model import Settings
from integrahub.supervisor.port_listeners import find_listener

# Longer than /health takes to find that a dependency does not answer.
_TIMEOUT = 15.0  # seconds


def hub(settings: Settings) -> str:
    """Ask the hub how it is, and tell a hub that does not run from a port that something else has."""
    url = hub_url(settings)
    try:
        headers, timeout = authorization(find_key(settings)), httpx.Timeout(_TIMEOUT)
        with open_http(url, load_trusted(settings), headers, timeout) as http:
            answer = http.get("/health")
        found = answer.json()
        status, checks = found["status"], found.get("checks", {})
    except httpx.ConnectError as error:
        if "refused" in str(error) and is_local_url(url):
            raise Stopped(_free_port(settings, url)) from None
        raise CheckFailed(unreachable(url, error)) from error
    except httpx.TimeoutException:
        raise CheckFailed(
            f"{_holder(url)} listens at {url} and does not answer within {_TIMEOUT:.0f} s. If it is the hub, see "
            "`integrahub fleet status` and its log."
        ) from None
    except httpx.TransportError as error:
        raise CheckFailed(unreachable(url, error)) from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckFailed(
            f"{_holder(url)} answers at {url}, and is not IntegraHub. Choose another port with --port."
        ) from None
    if status != "ok":
        raise CheckFailed(f"The hub runs at {url}, but {_failing(checks) or f'says {status}'}. See its log.")
    return f"runs at {url} and is well"


def keys(settings: Settings) -> str:
    """Look for keys that are easy to guess: of the settings, and of the hub where it runs."""
    if weak := settings.weak_keys:
        raise CheckFailed(f"{' and '.join(weak)}: easy to guess, kept by ALLOW_WEAK_KEYS. Choose longer ones.")
    try:
        with open_client(hub_url(settings), timeout=_TIMEOUT) as client:
            found = [row for row in client.get("/admin/keys")["items"] if row.get("weak") and not row["revoked_at"]]
    except ApiError:
        return "those of the settings are strong; the hub's own were not looked at"
    if found:
        raise CheckFailed(
            f"{len(found)} chosen keys are easy to guess, the newest {found[0]['hint']}. Give their pharmacies new "
            "ones (integrahub key create), then: integrahub key revoke ID. `integrahub key list` shows them."
        )
    return "none is easy to guess"


def _failing(checks: dict[str, Any]) -> str:
    told = (
        (name, check.get("message") or "does not answer") for name, check in checks.items() if check["status"] != "ok"
    )
    return "; ".join(f"{name} fails: {message.rstrip('.')}" for name, message in told)


def _holder(url: str) -> str:
    port = httpx.URL(url).port
    found = find_listener(port) if port and is_local_url(url) else None
    return str(found) if found else "Something"


def _free_port(settings: Settings, url: str) -> str:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            holder = find_listener(settings.port)
            by = f" ({holder} has it)" if holder else ""
            raise CheckFailed(
                f"No hub runs at {url}, and port {settings.port} cannot be used: {error.strerror}{by}. Choose another "
                "with --port."
            ) from error
    return f"does not run at {url} (start it with `integrahub up`); port {settings.port} is free"
