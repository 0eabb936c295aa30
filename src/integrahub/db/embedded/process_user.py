"""The operating system user that runs the embedded PostgreSQL, and the folders that only it can open."""

import os
import pwd
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from integrahub.domain.errors import ConfigurationError

# User ids that https://systemd.io/UIDS-GIDS lists as unused by packages, users and services.
_UNUSED_UIDS = range(60706, 61184)


class PopenUser(TypedDict, total=False):
    """Arguments of `subprocess.Popen` that name a user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class ProcessUser:
    """The user id and group id of the server."""

    uid: int
    gid: int

    @property
    def popen_arguments(self) -> PopenUser:
        """Arguments of `subprocess.Popen` that switch to the user; none if this process runs as that user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() != self.uid else {}

    @property
    def has_name(self) -> bool:
        """Whether the user has a name, which `initdb` requires."""
        return _has_name(self.uid)


def choose_user(cluster: Path) -> ProcessUser:
    """Return the user of this process or, if that is root, which PostgreSQL refuses, one that runs nothing else.

    If the cluster exists, that is its owner. A cluster of `nobody` gets a new owner, since other processes of `nobody`
    could read its files.
    """
    owner = cluster.stat() if cluster.exists() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise ConfigurationError(
                f"{cluster} belongs to user id {owner.st_uid}, and this is user id {os.geteuid()}. Run IntegraHub as "
                f"its owner or as root, or give it away: chown -R {os.geteuid()} {cluster.parent}"
            )
        return ProcessUser(os.geteuid(), os.getegid())
    shared = nobody_user().uid
    if owner and owner.st_uid not in (0, shared):
        return ProcessUser(owner.st_uid, owner.st_gid)
    user = _own_user()
    if owner and owner.st_uid != user.uid:
        change_owner(cluster, user)
    return user


def nobody_user() -> ProcessUser:
    """Return the user `nobody`. Raise ConfigurationError if there is none."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ConfigurationError(
            "PostgreSQL does not run as root, and there is no user `nobody` to create its files as. "
            "Run IntegraHub as another user."
        ) from None
    return ProcessUser(entry.pw_uid, entry.pw_gid)


def _own_user() -> ProcessUser:
    """Return the user `integrahub` if it exists, else a user id that this machine does not use."""
    try:
        entry = pwd.getpwnam("integrahub")
        return ProcessUser(entry.pw_uid, entry.pw_gid)
    except KeyError:
        free = [uid for uid in _UNUSED_UIDS if not _has_name(uid)]
    uid = secrets.choice(free)
    return ProcessUser(uid, uid) if _is_mapped(uid) else nobody_user()


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _is_mapped(uid: int) -> bool:
    """Return True if the user namespace maps the id: a container may have only a few thousand ids."""
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return True
    spans = [(int(first), int(count)) for first, _, count in (line.split() for line in lines)]
    return any(first <= uid < first + count for first, count in spans)


def change_owner(folder: Path, user: ProcessUser) -> None:
    """Give a folder, and all files in it of the same owner, to another user."""
    owner = folder.lstat().st_uid
    for parent, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            path = os.path.join(parent, name)
            if os.lstat(path).st_uid == owner:
                os.chown(path, user.uid, user.gid, follow_symlinks=False)


def make_private_folder(folder: Path, user: ProcessUser) -> None:
    """Create a folder that only this user can open. Raise ConfigurationError if another one could have created it."""
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, user.uid, user.gid)
    except FileExistsError:
        status = folder.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == user.uid and not status.st_mode & 0o077:
            return
        raise ConfigurationError(
            f"{folder} must be a folder that only user id {user.uid} can open, and it is not. Remove it."
        ) from None
