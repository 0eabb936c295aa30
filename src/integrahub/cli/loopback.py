"""Exclusion of this machine from proxies. Must run before the import of any HTTP library."""

import os

_LOOPBACK = "localhost,127.0.0.1,::1"


def keep_loopback_off_proxies() -> None:
    """Add this machine to NO_PROXY, which every HTTP library reads."""
    current = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if current.strip() != "*" and not set(_LOOPBACK.split(",")) <= set(current.split(",")):
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, (current, _LOOPBACK)))
