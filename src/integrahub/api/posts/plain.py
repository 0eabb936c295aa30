"""Plain posts: small complete bodies with known headers, a cached key and a cached pharmacy.

They are accepted without a task, ASGI messages or a request object. A post that is unusual in any way goes through the
application instead, and so does the error of one that is refused later: refusals have one home.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic, perf_counter
from typing import Any, NamedTuple, Protocol

from integrahub.access.rate_limiter import PostHit, RateLimits
from integrahub.api.auth.authentication import KEY_HEADERS, ScopeCheck, strip_scheme
from integrahub.api.pharmacy_finder import PharmacyFinder
from integrahub.api.posts.answer import MEDIA_TYPE, build_headers, count_accepted, render_body
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.batches.accept import Receipt
from integrahub.domain.api_keys import Caller
from integrahub.domain.batches import INLINE_BODY_LIMIT, LoadType
from integrahub.domain.dialects.base import FirstRecord
from integrahub.domain.errors import Transient
from integrahub.domain.ids import uuid7
from integrahub.domain.parsing.body_inspection import inspect_head
from integrahub.pipeline.ingest.small_posts import SmallPosts
from integrahub.pipeline.ingest.step import IngestRequest, build_submission
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.http import HTTP_DURATION, HTTP_REQUESTS, POST_ROUTE

_TARGET, _CNPJ_QUERY = POST_ROUTE.encode(), POST_ROUTE.encode() + b"?cnpj="
_KEY_HEADERS = frozenset(name.encode() for name in KEY_HEADERS)
# A post with any other header is not plain. The first line is read here; the others change no accepted post.
_KNOWN_HEADERS = _KEY_HEADERS | {
    *(b"content-length", b"content-type", b"x-inova-load-type", b"x-inova-item-count", b"idempotency-key"),
    *(b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"connection"),
    *(b"cache-control", b"pragma", b"x-request-id", b"traceparent", b"tracestate", b"via", b"forwarded"),
    *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto", b"x-real-ip"),
}
_LOAD_TYPES = {text.encode(): kind for kind in LoadType for text in (kind, kind.upper())}
_CONTENT_TYPES = {
    *(b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"),
    *(b"application/json; charset=UTF-8", b"application/json;charset=UTF-8"),
}
_MAX_IDEMPOTENCY_KEY_BYTES = 255
_MAX_ITEM_COUNT_DIGITS = 15
Headers = list[tuple[bytes, bytes]]
Answered = Callable[[Headers, bytes], None]  # headers and body of the 202
Refused = Callable[[dict[str, Any]], None]  # entries for the scope with which the application renders the error


@dataclass(slots=True, weakref_slot=True)
class PlainPost:
    """A post that was checked, and is not counted or committed yet."""

    request: IngestRequest
    body: bytes
    caller: Caller
    pharmacy: Pharmacy
    started_at: float = field(default_factory=perf_counter)

    def scope_entries(self, error: BaseException) -> dict[str, Any]:
        """Return what the application needs to render the error as if it had checked the post."""
        known = {"trace": self.request.batch_id, "started_at": self.started_at, "cnpj": self.pharmacy.cnpj}
        error = error.with_traceback(None)  # its frames hold the body
        return known | {"caller": self.caller, "caller_name": self.caller.name, "error": error}


class Posted(NamedTuple):
    """The parts of a request that its protocol has read: the ASGI scope, without its path yet, and the whole body."""

    scope: dict[str, Any]
    target: bytes
    body: bytes


class ReadFirstRecord(Protocol):
    """Reads the pharmacy that the first record of a body names."""

    def __call__(self, head: bytes, media_type: str) -> FirstRecord: ...


class PlainPosts:
    """Accept plain posts. `max_bytes` is the limit of a body."""

    def __init__(
        self,
        authenticate: ScopeCheck,
        find: PharmacyFinder,
        limits: RateLimits,
        small_posts: SmallPosts,
        read_first_record: ReadFirstRecord,
        max_bytes: int,
    ) -> None:
        self._authenticate = authenticate
        self._find_pharmacy = find
        self._limits = limits
        self._small_posts = small_posts
        self._read_first_record = read_first_record
        self._max_bytes = min(INLINE_BODY_LIMIT, max_bytes)

    def read(self, posted: Posted) -> PlainPost | None:
        """Return the post if it is plain, and None for every other request. Neither counts anything."""
        headers: Headers = posted.scope["headers"]
        fields = dict(headers)
        if len(fields) < len(headers) or not fields.keys() <= _KNOWN_HEADERS:
            return None
        load_type = _LOAD_TYPES.get(fields.get(b"x-inova-load-type", b""))
        if load_type is None or not self._is_plain_size(fields, posted.body):
            return None
        caller = self._find_caller(fields)
        pharmacy = self._find_pharmacy_of(caller, posted) if caller else None
        if caller is None or pharmacy is None or not self._small_posts.admits(pharmacy.id):
            return None
        return self._build(posted, fields, load_type, caller, pharmacy)

    def accept(self, post: PlainPost, answered: Answered, refused: Refused) -> None:
        """Count the post against its limit and commit it; call `answered` or `refused` once."""
        finish = partial(self._finish, post, answered, refused)
        try:
            hit = self._limits.hit_post_once(post.caller, post.pharmacy.cnpj, post.pharmacy.rate_limit)
            if hit.result is None:
                self._commit(post, hit, finish)
            else:
                hit.result.add_done_callback(lambda _: self._commit(post, hit, finish))
        except Exception as error:
            refused(post.scope_entries(error))

    def _is_plain_size(self, fields: dict[bytes, bytes], body: bytes) -> bool:
        is_json = fields.get(b"content-type", b"application/json") in _CONTENT_TYPES
        return is_json and len(body) <= self._max_bytes and fields.get(b"content-length") == b"%d" % len(body)

    def _find_caller(self, fields: dict[bytes, bytes]) -> Caller | None:
        names = fields.keys() & _KEY_HEADERS
        if len(names) != 1:
            return None
        caller = self._authenticate.find_cached(strip_scheme(fields[names.pop()].decode("latin-1")))
        return None if caller is None or self._limits.counts_twice(caller) else caller

    def _find_pharmacy_of(self, caller: Caller, posted: Posted) -> Pharmacy | None:
        """Return the cached pharmacy of a body that may be a catalogue; None for one with a notice in the answer."""
        target, body = posted.target, posted.body
        cnpj = target[len(_CNPJ_QUERY) :]
        is_target_plain = target == _TARGET or (target.startswith(_CNPJ_QUERY) and cnpj.isalnum())
        if not is_target_plain or inspect_head(body, MEDIA_TYPE, ""):
            return None
        # With a CNPJ in the query, all that the first record can change is that the body has none.
        first_record = _ANY_RECORD if cnpj and body.startswith(b"[{") else self._read_first_record(body, MEDIA_TYPE)
        if first_record.problem:
            return None
        pharmacy = self._find_pharmacy.find_cached(caller, first_record, cnpj.decode())
        return None if pharmacy is None or pharmacy.webhook_disabled_at else pharmacy

    def _build(
        self, posted: Posted, fields: dict[bytes, bytes], load_type: LoadType, caller: Caller, pharmacy: Pharmacy
    ) -> PlainPost | None:
        key, count = fields.get(b"idempotency-key", b""), fields.get(b"x-inova-item-count", b"")
        if len(key) > _MAX_IDEMPOTENCY_KEY_BYTES or (count and not _is_count(count)):
            return None
        trace = uuid7()
        if tracing.is_sampled(trace):
            posted.scope["trace"] = trace  # the application records the span
            return None
        request = IngestRequest(
            pharmacy_id=pharmacy.id,
            cnpj=pharmacy.cnpj,
            load_type=load_type,
            media_type=MEDIA_TYPE,
            encoding="",
            idempotency_key=key.decode("latin-1").strip() or None,
            item_count=int(count) if count else None,
            started=monotonic(),
            batch_id=trace,
            api_key_id=caller.key_id,
        )
        return PlainPost(request, posted.body, caller, pharmacy)

    def _commit(self, post: PlainPost, hit: PostHit, finish: Callable[[dict[str, str], Any], None]) -> None:
        limit_headers: dict[str, str] = {}
        try:
            if hit.result is not None and hit.result.cancelled():
                raise Transient("the post was not counted")
            limit_headers = hit.headers()
            digest = hashlib.sha256(post.body).digest()
            submission = build_submission(post.request, post.body, None, len(post.body), digest)
            self._small_posts.commit(submission, partial(finish, limit_headers))
        except Exception as error:
            finish(limit_headers, error)

    def _finish(
        self,
        post: PlainPost,
        answered: Answered,
        refused: Refused,
        limit_headers: dict[str, str],
        outcome: Receipt | BaseException,
    ) -> None:
        if not isinstance(outcome, Receipt):
            refused(post.scope_entries(outcome))
            return
        count_accepted(outcome, post.request, len(post.body))
        body = render_body(outcome, post.request.kind)
        given = build_headers(outcome, limit_headers)
        headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
        headers += [(b"content-length", b"%d" % len(body)), (b"content-type", MEDIA_TYPE.encode())]
        answered(headers, body)
        HTTP_REQUESTS.add("POST", POST_ROUTE, "202")
        HTTP_DURATION.observe(perf_counter() - post.started_at, "POST", POST_ROUTE)


_ANY_RECORD = FirstRecord()


def _is_count(value: bytes) -> bool:
    return value.isdigit() and len(value) <= _MAX_ITEM_COUNT_DIGITS
