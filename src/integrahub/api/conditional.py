"""Entity tags of answers, and 304 for a client that has the current answer (RFC 9110, conditional requests)."""

from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response

from integrahub import __version__

CACHE_CONTROL = "private, no-cache"  # a cache may keep the answer for this client, and must validate it
_READ_METHODS = ("GET", "HEAD")
_TAG_BYTES = 12
_KEPT_HEADERS = ("etag", "cache-control", "vary", "content-language", "x-inova-notice")


def tag_of(*parts: object) -> str:
    """Return the entity tag of an answer that these values determine. Another version of the hub gives another tag."""
    return _hash("\n".join(map(str, (__version__, *parts))).encode())


def is_current(request: Request, tag: str) -> bool:
    """Return True if the client says that it has the answer with this tag."""
    sent = request.headers.get("if-none-match", "")
    # A proxy that compresses answers makes their tags weak, so the comparison ignores that.
    return sent.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in sent.split(","))


def not_modified(tag: str) -> Response:
    """Return the answer without a body for a client that has the current one."""
    return Response(status_code=304, headers={"ETag": tag, "Cache-Control": CACHE_CONTROL})


def tagged(body: bytes, tag: str) -> Response:
    """Return a JSON answer with its tag."""
    return Response(body, media_type="application/json", headers={"ETag": tag, "Cache-Control": CACHE_CONTROL})


def make_conditional(request: Request, answer: Response) -> Response:
    """Return a complete answer to a read with the tag of its body, or 304 if the client has it.

    Streamed answers and answers with a tag are returned as they are.
    """
    body = getattr(answer, "body", None)
    if request.method not in _READ_METHODS or answer.status_code != 200 or not body or "etag" in answer.headers:
        return answer
    tag = _hash(bytes(body))
    answer.headers["ETag"] = tag
    answer.headers.setdefault("Cache-Control", CACHE_CONTROL)
    if not is_current(request, tag):
        return answer
    kept = {name: value for name, value in answer.headers.items() if name in _KEPT_HEADERS}
    return Response(status_code=304, headers=kept)


def _hash(content: bytes) -> str:
    return f'"{blake2b(content, digest_size=_TAG_BYTES).hexdigest()}"'
