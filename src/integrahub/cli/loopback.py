"""Keep requests to this machine off proxies, before anything is imported that reads their variables."""

import os

_LOOPBACK = "localhost,127.0.0.1,::1"


def keep_loopback_off_proxies() -> None:
    """Name this machine in NO_PROXY, which every HTTP library of the process obeys."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if known.strip() != "*" and not set(_LOOPBACK.split(",")) <= set(known.split(",")):
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, (known, _LOOPBACK)))
