"""Node's packages and Python environments that peers need: in the user's cache, never in the hub's own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

PARTS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "integrahub" / "bench"
_PACKAGES = {"pg": "8.23.1", "fastify": "5.12.8"}
_FETCHING = 300  # seconds


class PeerMissing(Exception):
    """What a peer needs is not to be had here."""


def place_of(database: str) -> tuple[str, dict[str, str]]:
    """The folder of a database's socket, and an environment in which libpq and its like know the password."""
    parts = urlsplit(database)
    return parse_qs(parts.query)["host"][0], os.environ | {"PGPASSWORD": unquote(parts.password or "")}


def node() -> tuple[str, Path]:
    """The program, and the folder whose node_modules holds the peers' packages; fetched once."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if not program or not npm:
        raise PeerMissing("there is no Node with npm on this machine")
    folder = PARTS / "node"
    wanted = json.dumps({"private": True, "type": "module", "dependencies": _PACKAGES})
    kept = folder / "package.json"
    if not (folder / "node_modules" / "pg").is_dir() or kept.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(wanted)
        fetch = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        try:
            subprocess.run(fetch, cwd=folder, check=True, timeout=_FETCHING, capture_output=True)
        except (subprocess.SubprocessError, OSError) as error:
            raise PeerMissing(f"npm could not fetch {', '.join(_PACKAGES)}: {error}") from error
    return program, folder


def placed(script: Path, folder: Path) -> Path:
    """A script beside the packages it imports."""
    copy = folder / script.name
    copy.write_text(script.read_text("utf-8"))
    return copy


def python(name: str, *packages: str) -> Path:
    """The `bin` folder of an environment of its own with these packages; made once."""
    folder = PARTS / name
    if not (folder / "ready").exists():
        uv = [sys.executable, "-m", "uv"]
        made = [*uv, "venv", "--clear", "--quiet", str(folder)]
        fetch = [*uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *packages]
        try:
            for command in (made, fetch):
                subprocess.run(command, check=True, timeout=_FETCHING, capture_output=True)
        except (subprocess.SubprocessError, OSError) as error:
            raise PeerMissing(f"{', '.join(packages)} could not be installed: {error}") from error
        (folder / "ready").touch()
    return folder / "bin"
