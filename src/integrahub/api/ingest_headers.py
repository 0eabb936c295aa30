"""Headers of a post, read and validated."""

from typing import NamedTuple

from starlette.requests import Request

from integrahub.domain.batches import BatchKind, LoadType
from integrahub.domain.errors import BadRequest, UnsupportedMediaType
from integrahub.domain.parsing.charsets import Transcoder, create_transcoder, is_charset

_MEDIA_TYPES = frozenset({"application/json", "application/x-ndjson"})
_ENCODINGS = {"x-gzip": "gzip", "gzip": "gzip", "zstd": "zstd"}
_NO_ENCODINGS = frozenset({"", "identity", "none", "binary", "7bit", "8bit"})
_MAX_IDEMPOTENCY_KEY_CHARACTERS = 255
_MAX_ITEM_COUNT_DIGITS = 15


class PostHeaders(NamedTuple):
    """What a post contains and how its body is written. `encoding` is '' for none, `transcoder` None for UTF-8."""

    load_type: LoadType
    media_type: str
    encoding: str
    transcoder: Transcoder | None


def read_post_headers(request: Request) -> PostHeaders:
    """Return the headers that every post needs.

    Raise BadRequest without a valid load type, UnsupportedMediaType for a content that the hub does not read.
    """
    load_type = _read_load_type(request)
    media_type, *parameters = request.headers.get("content-type", "application/json").lower().split(";")
    media_type = media_type.strip()
    if media_type not in _MEDIA_TYPES:
        raise UnsupportedMediaType("content_type_invalid", value=media_type[:80])
    encoding = _read_encoding(request.headers.getlist("content-encoding"))
    return PostHeaders(load_type, media_type, encoding, _find_transcoder(parameters))


def _read_load_type(request: Request) -> LoadType:
    value = request.headers.get("x-inova-load-type", "").strip().lower()
    if not value:
        raise BadRequest("load_type_missing", {"required": ["X-Inova-Load-Type"]})
    try:
        return LoadType(value)
    except ValueError:
        raise BadRequest("load_type_invalid", value=value[:40]) from None


def read_idempotency_key(request: Request) -> str | None:
    """Return the idempotency key, or None. Raise BadRequest if it is too long."""
    key = request.headers.get("idempotency-key", "").strip()
    if len(key) > _MAX_IDEMPOTENCY_KEY_CHARACTERS:
        raise BadRequest("idempotency_key_long", length=len(key))
    return key or None


def read_kind(request: Request) -> BatchKind:
    """Return whether the post is a load or a dry run. Raise BadRequest if the header is neither true nor false."""
    value = request.headers.get("x-inova-dry-run", "false").strip().lower()
    if value not in ("true", "false"):
        raise BadRequest("dry_run_invalid", value=value[:40])
    return BatchKind.DRY_RUN if value == "true" else BatchKind.LOAD


def read_item_count(request: Request) -> int | None:
    """Return the number of records that the client announces, or None. Raise BadRequest if it is not a number."""
    value = request.headers.get("x-inova-item-count", "").strip()
    if value and not (value.isascii() and value.isdecimal() and len(value) <= _MAX_ITEM_COUNT_DIGITS):
        raise BadRequest("item_count_unreadable", value=value[:40])
    return int(value) if value else None


def _read_encoding(headers: list[str]) -> str:
    # Clients also send names that change no byte, charsets among them. They are ignored.
    names = [name.strip().lower() for header in headers for name in header.split(",")]
    encodings = [_ENCODINGS.get(name, name) for name in names if name not in _NO_ENCODINGS and not is_charset(name)]
    if len(encodings) > 1 or not set(encodings) <= {"gzip", "zstd"}:
        raise UnsupportedMediaType("content_encoding_invalid", value=", ".join(names)[:80])
    return encodings[0] if encodings else ""


def prefers_receipt(request: Request) -> bool:
    """Return whether the client prefers a signed receipt in the answer (RFC 7240)."""
    values = ",".join(request.headers.getlist("prefer")).lower().split(",")
    return any(value.partition(";")[0].strip() == "receipt" for value in values)


def _find_transcoder(parameters: list[str]) -> Transcoder | None:
    pairs = (parameter.partition("=") for parameter in parameters)
    charset = next((value for name, _, value in pairs if name.strip() == "charset"), "").strip().strip('"')
    try:
        return create_transcoder(charset)
    except KeyError:
        raise UnsupportedMediaType("charset_unknown", value=charset[:40]) from None
