"""Why a pharmacy is silent or failing: causes from what the hub refused, applied and knows of its keys."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class CauseKind(StrEnum):
    """Kind of a cause; the members are in order of certainty, the most certain first."""

    KEY_EXPIRED = "key_expired"  #: Posts came with a key of the pharmacy that has expired.
    KEY_REVOKED = "key_revoked"  #: Posts came with a key of the pharmacy that was revoked.
    KEY_WRONG = "key_wrong"  #: Posts for the pharmacy came with no key, or with one that this hub does not know.
    OTHER_PHARMACY = "other_pharmacy"  #: The CNPJ of the records is not one of the key.
    REFUSED = "refused"  #: Posts were refused for another reason, such as their size or their rate.
    LOADS_FAILED = "loads_failed"  #: Posts were accepted, and every load since some time failed.
    NO_KEY = "no_key"  #: No key of the pharmacy is active, and no post arrived.
    UNKNOWN_SENDER = "unknown_sender"  #: Posts without a known key arrived; they may be of this pharmacy.
    NOTHING_ARRIVED = "nothing_arrived"  #: No post arrived at all.


_ORDER = tuple(CauseKind)
# A network that sent wrong keys too often is refused without a look at its next key.
_WRONG_KEY = frozenset({"key_missing", "key_malformed", "key_invalid", "failed_keys_limited"})


@dataclass(frozen=True, slots=True)
class RefusedPosts:
    """Refused posts of one key, code and address. An unknown CNPJ, key or address is empty."""

    cnpj: str
    key_name: str
    code: str
    address: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key with which the pharmacy may post. `name` is that of the audit log."""

    name: str
    hint: str
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_active(self, now: datetime) -> bool:
        """Return whether posts with the key are accepted."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class FailedLoads:
    """The latest loads of a pharmacy, without exception failed: how many, since when, and the error of the last."""

    count: int
    first_at: datetime
    last_at: datetime
    code: str


@dataclass(frozen=True, slots=True)
class SilenceFacts:
    """What the hub knows of a pharmacy that is silent or failing.

    `last_at` is its last accepted post, `refusals` are posts that name it or its keys, and `unattributed` are posts
    without a known key or CNPJ. With `has_hub_keys`, keys of the settings may post for it.
    """

    cnpj: str
    now: datetime
    last_at: datetime | None
    keys: Sequence[KeyFacts] = ()
    refusals: Sequence[RefusedPosts] = ()
    unattributed: Sequence[RefusedPosts] = ()
    failed: FailedLoads | None = None
    has_hub_keys: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause with its evidence: posts from `first_at` to `last_at`, the last one from `address`.

    `key` is the key of the pharmacy that they carried, `cnpj` the one that they named, `code` that of the error.
    """

    kind: CauseKind
    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    key: KeyFacts | None = None
    code: str = ""
    cnpj: str = ""
    address: str = ""


def find_causes(facts: SilenceFacts) -> list[Cause]:
    """Return the causes, the most certain first; of two of one kind, the one with the latest post."""
    causes = _of_refusals(facts)
    if facts.failed:
        failed = facts.failed
        causes.append(Cause(CauseKind.LOADS_FAILED, failed.count, failed.first_at, failed.last_at, code=failed.code))
    if not causes:
        causes = _without_posts(facts)
    return sorted(causes, key=_sort_key)


def _sort_key(cause: Cause) -> tuple[int, float]:
    return _ORDER.index(cause.kind), -cause.last_at.timestamp() if cause.last_at else 0.0


def _of_refusals(facts: SilenceFacts) -> list[Cause]:
    """Return a cause for each kind, key, CNPJ and, where the kind does not say it, code of refused posts."""
    groups: dict[tuple[CauseKind, KeyFacts | None, str, str], list[RefusedPosts]] = {}
    for refused in _since(facts.refusals, facts.last_at):
        key = next((key for key in facts.keys if key.name == refused.key_name), None)
        kind = _kind_of(refused, key, facts.now)
        code = refused.code if kind is CauseKind.REFUSED else ""
        groups.setdefault((kind, key, code, refused.cnpj), []).append(refused)
    return [_sum(kind, same, key) for (kind, key, _, _), same in groups.items()]


def _since(refusals: Iterable[RefusedPosts], last_at: datetime | None) -> list[RefusedPosts]:
    """Return the refusals after an accepted post. Hours are counted as a whole, so the first may begin before it."""
    if last_at is None:
        return list(refusals)
    return [replace(each, first_at=max(each.first_at, last_at)) for each in refusals if each.last_at > last_at]


def _kind_of(refused: RefusedPosts, key: KeyFacts | None, now: datetime) -> CauseKind:
    if refused.code == "key_expired":
        return CauseKind.KEY_EXPIRED
    if refused.code in _WRONG_KEY:
        if key is None or key.is_active(now):
            return CauseKind.KEY_WRONG
        return CauseKind.KEY_REVOKED if key.revoked_at else CauseKind.KEY_EXPIRED
    return CauseKind.OTHER_PHARMACY if refused.code == "other_pharmacy" else CauseKind.REFUSED


def _without_posts(facts: SilenceFacts) -> list[Cause]:
    """Return the causes if no post that names the pharmacy was refused or failed."""
    causes = []
    if not facts.has_hub_keys and not any(key.is_active(facts.now) for key in facts.keys):
        latest = max(facts.keys, key=lambda key: key.revoked_at or key.expires_at or facts.now, default=None)
        causes.append(Cause(CauseKind.NO_KEY, key=latest))
    if strangers := _since(facts.unattributed, facts.last_at):
        causes.append(_sum(CauseKind.UNKNOWN_SENDER, strangers))
    else:
        causes.append(Cause(CauseKind.NOTHING_ARRIVED, first_at=facts.last_at))
    return causes


def _sum(kind: CauseKind, posts: Sequence[RefusedPosts], key: KeyFacts | None = None) -> Cause:
    """Return the cause of refused posts, with code, CNPJ and address of the last one."""
    last = max(posts, key=lambda each: each.last_at)
    count, first_at = sum(each.count for each in posts), min(each.first_at for each in posts)
    return Cause(kind, count, first_at, last.last_at, key, last.code, last.cnpj, last.address)
