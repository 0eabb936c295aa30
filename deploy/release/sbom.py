"""`python -m deploy.release.sbom FILE PYTHON`: put the hub's version into the bill of materials, and check it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.release.changelog import ReleaseError
from deploy.release.version import read_version

_INSTALLERS = {"pip", "setuptools", "wheel"}
_LIST = "import importlib.metadata as m, json; print(json.dumps([d.metadata['Name'] for d in m.distributions()]))"


def complete(sbom: dict[str, Any], version: str, installed: list[str]) -> dict[str, Any]:
    """Return the bill with the hub's version. Raise ReleaseError if it lacks an installed package."""
    named = {_normalise(component["name"]) for component in sbom.get("components", [])}
    if missing := sorted({_normalise(name) for name in installed} - named - _INSTALLERS):
        raise ReleaseError(f"The bill of materials lacks {', '.join(missing)}.")
    hub = {**sbom["metadata"]["component"], "version": version}
    return {**sbom, "metadata": {**sbom["metadata"], "component": hub}}


def _normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: list[str]) -> None:
    """Complete the bill in a file, made from the environment of an interpreter."""
    path, python = Path(arguments[0]), arguments[1]
    installed = json.loads(subprocess.run([python, "-c", _LIST], capture_output=True, text=True, check=True).stdout)
    try:
        sbom = complete(json.loads(path.read_text("utf-8")), read_version(Path.cwd()), installed)
    except ReleaseError as error:
        raise SystemExit(str(error)) from None
    path.write_text(json.dumps(sbom, indent=2) + "\n", "utf-8")
    print(f"{path}: {len(sbom['components'])} packages")


if __name__ == "__main__":
    main(sys.argv[1:])
