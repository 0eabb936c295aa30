"""`python -m deploy.release.package`: build wheels and sdist twice, compare them, and pack a release in dist/.

Each build runs in a copy of the files that git tracks, in a folder of another name, so a path or a time in the
packages shows as a difference. RELEASE_TARGETS names platforms of hatch_build.py, and `none` for pure Python.
"""

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from deploy.release.changelog import ReleaseError
from deploy.release.version import read_version

OUTPUT = "dist"
CHECKSUMS = "SHA256SUMS"
# Generated before the build; git does not track it.
_GENERATED = ("src/integrahub/console/static/htmx.min.js",)
PACKS = {
    "manifests": ("deploy/kubernetes", "deploy/postgresql", "deploy/minio", "deploy/compose.yaml", "deploy/rollout"),
    "dashboards": ("deploy/grafana/dashboards", "deploy/grafana/provisioning"),
    "rules": ("deploy/prometheus",),
}


def package(root: Path, targets: list[str]) -> list[Path]:
    """Write packages, packs and checksums, and return them. Raise ReleaseError if two builds differ."""
    output = root / OUTPUT
    output.mkdir(exist_ok=True)
    version = read_version(root)
    for old in output.glob("integrahub-*"):
        old.unlink()
    builds = Path(tempfile.mkdtemp(prefix="integrahub-builds-"))
    for path in build_twice(root, builds, targets):
        shutil.copy2(path, output)
    shutil.rmtree(builds)
    for name, places in PACKS.items():
        files = [path for path in _tracked(root) if any(path == each or path.startswith(f"{each}/") for each in places)]
        (output / f"integrahub-{version}-{name}.tar.gz").write_bytes(pack(root, files))
    return [*sorted(output.glob("integrahub-*")), _write_checksums(output)]


def build_twice(root: Path, folder: Path, targets: list[str]) -> list[Path]:
    """Return wheels and sdist, built in two folders below `folder`, after comparing them byte for byte."""
    builds = []
    for name in ("one", "another-name"):
        copy, output = folder / name / "source", folder / name / OUTPUT
        _copy(root, copy)
        _build(copy, output, "sdist")
        for target in targets:
            _build(copy, output, "wheel", target)
        builds.append(sorted(output.iterdir()))
    compare(*builds)
    return builds[0]


def _build(source: Path, output: Path, kind: str, target: str = "none") -> None:
    command = (sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(output))
    environment = os.environ | {"KERNEL_TARGET": target}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"The {kind} for {target} was not built: {done.stderr.strip()}")


def compare(one: list[Path], other: list[Path]) -> None:
    """Raise ReleaseError if the files of two builds differ."""
    differing = {path.name for path in one} ^ {path.name for path in other}
    differing |= {a.name for a, b in zip(one, other, strict=False) if a.read_bytes() != b.read_bytes()}
    if differing:
        folder = Path(os.path.commonpath([path.parent for path in (*one, *other)]))
        raise ReleaseError(f"Two builds differ: {', '.join(sorted(differing))}. See {folder}.")


def pack(root: Path, files: list[str]) -> bytes:
    """Return a tar.gz of the files that is the same at each call: sorted, without owner and time."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            content = (root / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if (root / name).stat().st_mode & 0o100 else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)


def _copy(root: Path, folder: Path) -> None:
    for name in (*_tracked(root), *_GENERATED):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, folder / name)
            (folder / name).chmod((root / name).stat().st_mode & 0o755)


def _tracked(root: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name]


def _write_checksums(output: Path) -> Path:
    files = sorted(path for path in output.iterdir() if path.is_file() and path.name != CHECKSUMS)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (output / CHECKSUMS).write_text("".join(lines), "utf-8")
    return output / CHECKSUMS


def main() -> None:
    """Build, and print every file with its size."""
    try:
        paths = package(Path.cwd(), os.environ.get("RELEASE_TARGETS", "none").split())
    except ReleaseError as error:
        raise SystemExit(str(error)) from None
    for path in paths:
        print(f"{path.stat().st_size:>10} {path}")


if __name__ == "__main__":
    main()
