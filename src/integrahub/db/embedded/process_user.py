"""The account of the machine that the embedded PostgreSQL runs under, and the folders that only it may open."""

import os
import pwd
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrahub.domain.errors import ConfigurationError

# https://systemd.io/UIDS-GIDS calls these unused: no package, no user and no service with a dynamic user has one.
_UNUSED = range(60706, 61184)


@dataclass(frozen=True, slots=True)
class ProcessUser:
    """The user id and group id the server runs under."""

    uid: int
    gid: int

    @property
    def switch(self) -> dict[str, Any]:
        """Arguments for subprocess: none when we are that account already."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() != self.uid else {}

    @property
    def has_name(self) -> bool:
        """Whether the machine knows the account by name, which `initdb` asks for."""
        return _named(self.uid)


def account_for(cluster: Path) -> ProcessUser:
    """Return ourselves; when we are root, which PostgreSQL refuses, an account that nothing else runs under.

    That is the owner of the cluster once there is one, so it stays the same. Earlier versions ran as `nobody`, whose
    other processes could reach the files: a cluster of `nobody` is given to an account of its own.
    """
    found = cluster.stat() if cluster.exists() else None
    if os.geteuid() != 0:
        if found and found.st_uid != os.geteuid():
            raise ConfigurationError(
                f"{cluster} belongs to user id {found.st_uid}, and this is user id {os.geteuid()}. Run IntegraHub as "
                f"its owner or as root, or give it away: chown -R {os.geteuid()} {cluster.parent}"
            )
        return ProcessUser(os.geteuid(), os.getegid())
    shared = nobody().uid
    if found and found.st_uid not in (0, shared):
        return ProcessUser(found.st_uid, found.st_gid)
    account = _own(cluster)
    if found and found.st_uid != account.uid:
        give(cluster, account)
    return account


def nobody() -> ProcessUser:
    """Return the account without rights; ConfigurationError where there is none."""
    try:
        found = pwd.getpwnam("nobody")
    except KeyError:
        raise ConfigurationError(
            "PostgreSQL does not run as root, and there is no user `nobody` to create its files as. "
            "Run IntegraHub as another user."
        ) from None
    return ProcessUser(found.pw_uid, found.pw_gid)


def _own(cluster: Path) -> ProcessUser:
    """Return the user `integrahub` where there is one, else a user id that this machine does not use."""
    try:
        known = pwd.getpwnam("integrahub")
        return ProcessUser(known.pw_uid, known.pw_gid)
    except KeyError:
        free = [uid for uid in _UNUSED if not _named(uid)]
    chosen = secrets.choice(free)
    return ProcessUser(chosen, chosen) if _is_mapped(chosen) else nobody()


def _named(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _is_mapped(uid: int) -> bool:
    """Whether the kernel knows the id here: a container may have a few thousand ids only."""
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return True
    spans = [(int(first), int(count)) for first, _, count in (line.split() for line in lines)]
    return any(first <= uid < first + count for first, count in spans)


def give(folder: Path, account: ProcessUser) -> None:
    """Give a folder with all that its owner has in it to the account; what belongs to others stays theirs."""
    owner = folder.lstat().st_uid
    for place, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            path = os.path.join(place, name)
            if os.lstat(path).st_uid == owner:
                os.chown(path, account.uid, account.gid, follow_symlinks=False)


def own_folder(folder: Path, account: ProcessUser) -> None:
    """Make the folder, for the account only; refuse one that another account could have laid out."""
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
