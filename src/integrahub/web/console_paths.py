"""Paths of the console among those of a server."""

_ROOT = "/console"


def is_console_path(path: str) -> bool:
    """Return whether a path is one of the console."""
    return path.startswith(_ROOT) and path[len(_ROOT) :][:1] in ("", "/")
