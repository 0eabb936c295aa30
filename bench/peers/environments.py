"""Node packages and Python environments of the peers, in the user's cache."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "integrahub" / "bench"
_PACKAGES = {"pg": "8.23.1", "fastify": "5.12.8"}
_INSTALL_TIMEOUT_SECONDS = 300


class PeerMissing(Exception):
    """A peer cannot run on this machine."""


def connection_of(database: str) -> tuple[str, dict[str, str]]:
    """Return the socket folder of a database, and an environment with the password for libpq."""
    parts = urlsplit(database)
    return parse_qs(parts.query)["host"][0], os.environ | {"PGPASSWORD": unquote(parts.password or "")}


def install_node_packages() -> tuple[str, Path]:
    """Return the Node program and the folder with the peers' packages; install them once."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if not program or not npm:
        raise PeerMissing("there is no Node with npm on this machine")
    folder = CACHE / "node"
    manifest = json.dumps({"private": True, "type": "module", "dependencies": _PACKAGES})
    package = folder / "package.json"
    if not (folder / "node_modules" / "pg").is_dir() or package.read_text() != manifest:
        folder.mkdir(parents=True, exist_ok=True)
        package.write_text(manifest)
        fetch = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        try:
            subprocess.run(fetch, cwd=folder, check=True, timeout=_INSTALL_TIMEOUT_SECONDS, capture_output=True)
        except (subprocess.SubprocessError, OSError) as error:
            raise PeerMissing(f"npm could not fetch {', '.join(_PACKAGES)}: {error}") from error
    return program, folder


def copy_script(script: Path, folder: Path) -> Path:
    """Copy a script into the folder of the packages it imports; return the copy."""
    copy = folder / script.name
    copy.write_text(script.read_text("utf-8"))
    return copy


def create_environment(name: str, *packages: str) -> Path:
    """Return the `bin` folder of a virtual environment with these packages; create it once."""
    folder = CACHE / name
    if not (folder / "ready").exists():
        uv = [sys.executable, "-m", "uv"]
        create = [*uv, "venv", "--clear", "--quiet", str(folder)]
        fetch = [*uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *packages]
        try:
            for command in (create, fetch):
                subprocess.run(command, check=True, timeout=_INSTALL_TIMEOUT_SECONDS, capture_output=True)
        except (subprocess.SubprocessError, OSError) as error:
            raise PeerMissing(f"{', '.join(packages)} could not be installed: {error}") from error
        (folder / "ready").touch()
    return folder / "bin"
