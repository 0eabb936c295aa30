"""Checks of the running hub: its health, its port, its keys."""

import socket
from typing import Any

import httpx2

from integrahub.cli.connect import find_key, hub_url, load_trusted, open_client
from integrahub.cli.diagnostics.dependencies import CheckFailed, Stopped
from integrahub.cli.error_messages import add_hint
from integrahub.client import ApiError
from integrahub.client.responses import authorization
from integrahub.client.transport import open_http, unreachable
from integrahub.domain.addresses import is_local_url
from integrahub.settings.model import Settings
from integrahub.supervisor.port_listeners import find_listener

_HUB_CHECK_TIMEOUT_SECONDS = 15.0  # longer than /health takes if a dependency does not answer


def check_hub(settings: Settings) -> str:
    """Request /health; distinguish a stopped hub from a port that another program uses."""
    url = hub_url(settings)
    headers, timeout = authorization(find_key(settings)), httpx2.Timeout(_HUB_CHECK_TIMEOUT_SECONDS)
    try:
        with open_http(url, load_trusted(settings), headers, timeout) as http:
            health = http.get("/health").json()
        status, checks = health["status"], health.get("checks", {})
    except httpx2.ConnectError as error:
        if "refused" in str(error) and is_local_url(url):
            raise Stopped(_check_port(settings, url)) from None
        raise CheckFailed(add_hint(unreachable(url, error), "unreachable")) from error
    except httpx2.TimeoutException:
        raise CheckFailed(
            f"{_listener_name(url)} listens at {url} and does not answer within {_HUB_CHECK_TIMEOUT_SECONDS:.0f} s. "
            "If it is the hub, see `integrahub fleet status` and its log."
        ) from None
    except httpx2.TransportError as error:
        raise CheckFailed(add_hint(unreachable(url, error), "unreachable")) from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckFailed(
            f"{_listener_name(url)} answers at {url}, and is not IntegraHub. Choose another port with --port or "
            "INTEGRAHUB_PORT."
        ) from None
    if status != "ok":
        raise CheckFailed(f"The hub runs at {url}, but {_failed_checks(checks) or f'reports {status}'}. See its log.")
    return f"runs at {url}, health ok"


def check_keys(settings: Settings) -> str:
    """Search for keys that are easy to guess: in the settings, and in the hub if it runs."""
    if weak := settings.weak_keys:
        names = " and ".join(weak)
        raise CheckFailed(f"{names}: easy to guess, kept by INTEGRAHUB_ALLOW_WEAK_KEYS. Choose longer ones.")
    try:
        with open_client(hub_url(settings), timeout=_HUB_CHECK_TIMEOUT_SECONDS) as client:
            rows = [row for row in client.get("/admin/keys")["items"] if row.get("weak") and not row["revoked_at"]]
    except ApiError:
        return "those of the settings are strong; those of the hub could not be checked"
    if rows:
        raise CheckFailed(
            f"{len(rows)} chosen keys are easy to guess, the newest {rows[0]['hint']}. Give their pharmacies new "
            "ones (integrahub key create), then: integrahub key revoke ID. `integrahub key list` shows them."
        )
    return "none is easy to guess"


def _failed_checks(checks: dict[str, Any]) -> str:
    failed = {name: check for name, check in checks.items() if check["status"] != "ok"}
    messages = {name: check.get("message") or "does not answer" for name, check in failed.items()}
    return "; ".join(f"{name} fails: {message.rstrip('.')}" for name, message in messages.items())


def _listener_name(url: str) -> str:
    port = httpx2.URL(url).port
    listener = find_listener(port) if port and is_local_url(url) else None
    return str(listener) if listener else "A program"


def _check_port(settings: Settings, url: str) -> str:
    """Check that the port of a stopped hub is free."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            listener = find_listener(settings.port)
            by = f" (in use by {listener})" if listener else ""
            raise CheckFailed(
                f"No hub runs at {url}, and port {settings.port} cannot be used: {error.strerror}{by}. Choose another "
                "with --port or INTEGRAHUB_PORT."
            ) from error
    return f"does not run at {url} (start it with `integrahub up`); port {settings.port} is free"
