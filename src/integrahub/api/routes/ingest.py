"""POST /v1/inovafarma/products: the hot route, bare of the framework's own parsing."""

from time import monotonic
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integrahub.access.rate_limiter import RateLimits
from integrahub.api.auth.authentication import Authenticate
from integrahub.api.pharmacy_cache import PharmacyCache
from integrahub.api.timestamps import format_time
from integrahub.api.unknown_names import add_notice
from integrahub.db.accounts import pharmacies
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.batches.accept import Receipt
from integrahub.db.database import Database
from integrahub.db.tenancy import TenantContext
from integrahub.domain.api_keys import Caller
from integrahub.domain.batches import LoadType
from integrahub.domain.dialects.base import Dialect, FirstRecord
from integrahub.domain.errors import BadRequest, Forbidden, UnsupportedMediaType
from integrahub.domain.parsing.body_inspection import inspect_head
from integrahub.domain.parsing.charsets import Transcoder, create_transcoder, is_charset
from integrahub.domain.pharmacies import InvalidCnpj, list_near_cnpjs, parse_cnpj
from integrahub.pipeline.ingest.decoding import Decoding
from integrahub.pipeline.ingest.step import Ingest, IngestRequest
from integrahub.pipeline.ingest.upload import Upload, too_large
from integrahub.telemetry.metrics.http import POST_ROUTE, UPLOAD_BYTES, UPLOAD_DURATION, UPLOAD_LAST_BYTES
from integrahub.telemetry.metrics.pipeline import BATCHES_CREATED

PATH = POST_ROUTE
_MEDIA = {"application/json": "application/json", "application/x-ndjson": "application/x-ndjson"}
_ENCODINGS = {"x-gzip": "gzip", "gzip": "gzip", "zstd": "zstd"}
_NO_ENCODING = frozenset({"", "identity", "none", "binary", "7bit", "8bit"})
_LOAD_TYPES = ("full", "delta")


class BodyLimits(NamedTuple):
    """Decoded bytes of a body, decoded bytes a received one may give, seconds a client may be silent."""

    limit: int
    inflation: int
    patience: float


class IngestHandler:
    """Checks in the contract's order, then the step; answers 202 with the receipt."""

    def __init__(
        self,
        ingest: Ingest,
        database: Database,
        authenticate: Authenticate,
        limits: RateLimits,
        known: PharmacyCache,
        *,
        dialect: Dialect,
        bounds: BodyLimits,
        decoding: Decoding,
        verify_cnpj: bool,
    ) -> None:
        self._ingest = ingest
        self._database = database
        self._authenticate = authenticate
        self._limits = limits
        self._bounds = bounds
        self._decoding = decoding
        self._verify = verify_cnpj
        self._find_or_create = known
        self._read_first_record = dialect.read_first_record

    async def __call__(self, request: Request) -> Response:
        """Take one body in."""
        begun = monotonic()
        caller = await self._authenticate(request)
        load_type = _load_type(request)
        media_type, encoding, transcoder = _content(request)
        self._check_length(request)
        shared: dict[str, Any] = {"decoding": self._decoding, "client": caller.single_cnpj() or caller.name}
        upload = Upload(request.stream(), encoding, *self._bounds, transcoder=transcoder, **shared)
        try:
            return await self._take(request, caller, upload, load_type, media_type, begun)
        finally:
            await upload.close()

    async def _take(
        self, request: Request, caller: Caller, upload: Upload, load_type: str, media_type: str, begun: float
    ) -> Response:
        head = await upload.peek()
        _check_head(head, media_type, upload.encoding)
        facts = self._read_first_record(head, media_type)
        if facts.problem:
            raise BadRequest(facts.problem)
        pharmacy = await self._pharmacy(caller, facts, request.query_params.get("cnpj", ""))
        envelope = IngestRequest(
            pharmacy_id=pharmacy.id,
            cnpj=pharmacy.cnpj,
            load_type=LoadType(load_type),
            media_type=media_type,
            encoding="" if upload.transcoder else upload.encoding,
            idempotency_key=_idempotency_key(request),
            item_count=_item_count(request),
            started=begun,
            batch_id=request.scope["trace"],
            api_key_id=caller.key_id,
        )
        headers = await self._limits.post(caller, pharmacy.cnpj, pharmacy.rate_limit)
        receipt = await self._ingest(envelope, upload)
        if not receipt.replayed:
            _count(load_type, upload.decoded, monotonic() - begun)
        return _with_notice(_answer(receipt, headers), request)

    def _check_length(self, request: Request) -> None:
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._bounds.limit:
            raise too_large(self._bounds.limit)

    async def _pharmacy(self, caller: Caller, facts: FirstRecord, named: str) -> Pharmacy:
        cnpj = await self._cnpj(caller, facts, named)
        if not caller.can_see(cnpj):
            raise Forbidden("other_pharmacy", cnpj=cnpj)
        return await self._find_or_create(caller, cnpj, facts)

    async def _cnpj(self, caller: Caller, facts: FirstRecord, named: str) -> str:
        own = None if named else caller.single_cnpj()
        sent = named or facts.cnpj
        if not sent and not own:
            raise BadRequest("cnpj_missing")
        try:
            return parse_cnpj(sent, verify=self._verify) if sent or not own else own
        except InvalidCnpj as error:
            if own:
                return own  # the record alone is at fault, and is rejected as such
            raise await self._misspelt(caller, sent, error) from error

    async def _misspelt(self, caller: Caller, sent: str, error: InvalidCnpj) -> BadRequest:
        """The refusal of what is no CNPJ, with the one pharmacy the caller may see that is a typo away."""
        seen = self._database.within(TenantContext.of_cnpjs(caller.cnpjs))
        near = await pharmacies.find_existing(seen, list_near_cnpjs(sent))
        if len(near) != 1 or not caller.can_see(near[0]):
            return BadRequest(error.code, **error.facts)
        return BadRequest("cnpj_typo", {"suggestion": near[0]}, **error.facts, suggestion=near[0])


def _count(load_type: str, size: int, seconds: float) -> None:
    BATCHES_CREATED.add(load_type)
    UPLOAD_BYTES.observe(size)
    UPLOAD_LAST_BYTES.set(size)
    UPLOAD_DURATION.observe(seconds)


def _with_notice(answer: Response, request: Request) -> Response:
    """Name the query parameters that the route does not know."""
    if request.scope["query_string"]:
        add_notice(answer, "parameters", [name for name in request.query_params if name != "cnpj"])
    return answer


def _load_type(request: Request) -> str:
    value = request.headers.get("x-inova-load-type", "").strip().lower()
    if not value:
        raise BadRequest("load_type_missing", {"required": ["X-Inova-Load-Type"]})
    if value not in _LOAD_TYPES:
        raise BadRequest("load_type_invalid", value=value[:40])
    return value


def _content(request: Request) -> tuple[str, str, Transcoder | None]:
    kind, *parameters = request.headers.get("content-type", "application/json").lower().split(";")
    kind = kind.strip()
    if kind not in _MEDIA:
        raise UnsupportedMediaType("content_type_invalid", value=kind[:80])
    return _MEDIA[kind], _encoding(request.headers.getlist("content-encoding")), _transcoder(parameters)


def _encoding(headers: list[str]) -> str:
    """The one encoding that changes bytes: names that change none, charsets among them, are passed over."""
    names = [name.strip().lower() for header in headers for name in header.split(",")]
    found = [_ENCODINGS.get(name, name) for name in names if name not in _NO_ENCODING and not is_charset(name)]
    if len(found) > 1 or not set(found) <= {"gzip", "zstd"}:
        raise UnsupportedMediaType("content_encoding_invalid", value=", ".join(names)[:80])
    return found[0] if found else ""


def _transcoder(parameters: list[str]) -> Transcoder | None:
    named = (value for name, _, value in (each.partition("=") for each in parameters) if name.strip() == "charset")
    charset = next(named, "").strip().strip('"')
    try:
        return create_transcoder(charset)
    except KeyError:
        raise UnsupportedMediaType("charset_unknown", value=charset[:40]) from None


def _check_head(head: bytes, media_type: str, encoding: str) -> None:
    fault = inspect_head(head, media_type, encoding)
    if fault:
        raise (UnsupportedMediaType if fault.is_encoding else BadRequest)(fault.code, **fault.facts)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key", "").strip()
    if len(key) > 255:
        raise BadRequest("idempotency_key_long", length=len(key))
    return key or None


def _item_count(request: Request) -> int | None:
    value = request.headers.get("x-inova-item-count", "").strip()
    if value and not (value.isascii() and value.isdecimal() and len(value) < 16):
        raise BadRequest("item_count_unreadable", value=value[:40])
    return int(value) if value else None


def _answer(receipt: Receipt, limits: dict[str, str]) -> Response:
    body = {
        "batch_id": str(receipt.batch_id),
        "trace_id": receipt.batch_id.hex,
        "status": receipt.status,
        "received_at": format_time(receipt.received_at),
    }
    headers = {"Location": f"/v1/batches/{receipt.batch_id}"} | limits
    if receipt.replayed:
        body["message"] = "Batch already received (idempotent)"
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(body, 202, headers)
