"""Version of the hub: `__version__` of the package, and the files that repeat it."""

import re
from pathlib import Path

from deploy.release.changelog import CHANGELOG, ReleaseError, latest_version

SOURCE = "src/integrahub/__init__.py"
_NUMBER = r"\d+\.\d+\.\d+"
_IN_PAGES = "|".join(
    (
        rf"(?<=integrahub-){_NUMBER}(?=-py3-)",
        rf"(?<=git checkout v){_NUMBER}",
        rf"(?<=gh release verify v){_NUMBER}",
        rf"(?<=^`){_NUMBER}(?=`, `OWNER/REPOSITORY`)",
    )
)
# Pages whose commands name the version to install.
PAGES = tuple(
    f"docs/howto/{name}{suffix}" for name in ("install", "upgrade", "verify-release") for suffix in (".md", ".pt-BR.md")
)
# Every file that holds the version, with the pattern around it. The package's metadata come from the first.
_PLACES = {
    SOURCE: r'(?<=^__version__ = ")[^"]+(?="$)',
    "deploy/kubernetes/base/kustomization.yaml": r"(?<=newTag: )[^}\s]+",
    **dict.fromkeys(PAGES, _IN_PAGES),
}
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def read_version(root: Path) -> str:
    """Return the version of the package in `root`."""
    return _read(root, SOURCE)


def write_version(root: Path, version: str) -> None:
    """Write the version into every file that holds it, if it is newer than the current one."""
    current = read_version(root)
    if _parse(version) <= _parse(current):
        raise ReleaseError(f"{version} is not newer than {current}, the current version. Choose a higher one.")
    for place, pattern in _PLACES.items():
        path = root / place
        path.write_text(re.sub(pattern, version, path.read_text("utf-8"), flags=re.MULTILINE), "utf-8")


def find_disagreements(root: Path, tag: str | None = None) -> list[str]:
    """Return what disagrees with the package's version: files, the changelog's newest dated section, the tag."""
    version = read_version(root)
    found = {place: _read(root, place) for place in _PLACES}
    found[CHANGELOG] = latest_version((root / CHANGELOG).read_text("utf-8")) or "no dated section"
    if tag is not None:
        found["the tag"] = tag.removeprefix("refs/tags/").removeprefix("v")
    return [f"{place}: {each}, but {SOURCE}: {version}" for place, each in found.items() if each != version]


def _read(root: Path, place: str) -> str:
    found = sorted(set(re.findall(_PLACES[place], (root / place).read_text("utf-8"), re.MULTILINE)))
    if not found:
        raise ReleaseError(f"{place} holds no version. Expected: {_PLACES[place]}")
    return " and ".join(found)


def _parse(version: str) -> tuple[int, int, int]:
    found = _VERSION.fullmatch(version)
    if found is None:
        raise ReleaseError(f"'{version}' is not a version. Expected three numbers, for example 0.2.0.")
    return int(found[1]), int(found[2]), int(found[3])
