"""POST /v1/inovafarma/products: the hot route, bare of the framework's own parsing."""

from datetime import UTC
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integrahub.api.auth import Authenticate
from integrahub.api.limits import Limits
from integrahub.db import pharmacies
from integrahub.db.pool import Database
from integrahub.db.receipts import Receipt
from integrahub.db.roles import Reach
from integrahub.domain.errors import BadRequest, Forbidden, UnsupportedMediaType
from integrahub.domain.inovafarma import Facts, first_record_facts
from integrahub.domain.keys import Caller
from integrahub.domain.pharmacies import InvalidCnpj, parse_cnpj
from integrahub.flow.ingest import Envelope, Ingest, Upload, too_large
from integrahub.telemetry.metrics import (
    BATCHES_CREATED,
    POST_ROUTE,
    UPLOAD_BYTES,
    UPLOAD_DURATION,
    UPLOAD_LAST_BYTES,
)

_FRESH = 5.0  # seconds a pharmacy's settings are remembered
PATH = POST_ROUTE
_MEDIA = {"application/json": "application/json", "application/x-ndjson": "application/x-ndjson"}
_LOAD_TYPES = ("full", "delta")


class IngestRoute:
    """Checks in the contract's order, then the step; answers 202 with the receipt."""

    def __init__(
        self,
        ingest: Ingest,
        database: Database,
        authenticate: Authenticate,
        limits: Limits,
        *,
        limit: int,
        verify_cnpj: bool,
    ) -> None:
        self._ingest = ingest
        self._database = database
        self._authenticate = authenticate
        self._limits = limits
        self._limit = limit
        self._verify = verify_cnpj
        self._known: dict[str, tuple[dict[str, Any], float]] = {}

    async def __call__(self, request: Request) -> Response:
        """Take one body in."""
        begun = monotonic()
        caller = await self._authenticate(request)
        load_type = _load_type(request)
        media_type, encoding = _content(request)
        self._check_length(request)
        upload = Upload(request.stream(), encoding, self._limit)
        facts = first_record_facts(await upload.look(), media_type)
        if facts.problem:
            raise BadRequest(facts.problem)
        pharmacy = await self._pharmacy(caller, facts, request.query_params.get("cnpj", ""))
        envelope = Envelope(
            pharmacy_id=pharmacy["id"],
            cnpj=pharmacy["cnpj"],
            load_type=load_type,
            media_type=media_type,
            encoding=encoding,
            idempotency_key=_idempotency_key(request),
            item_count=_item_count(request),
            begun=begun,
            batch_id=request.scope["trace"],
        )
        headers = await self._limits.post(caller, pharmacy["cnpj"], pharmacy["rate_limit"])
        receipt = await self._ingest(envelope, upload)
        if not receipt.replayed:
            _count(load_type, upload.decoded, monotonic() - begun)
        return _answer(receipt, headers)

    def _check_length(self, request: Request) -> None:
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._limit:
            raise too_large(self._limit)

    async def _pharmacy(self, caller: Caller, facts: Facts, named: str) -> dict[str, Any]:
        cnpj = self._named(named) if named else self._cnpj(caller, facts)
        if not caller.may_see(cnpj):
            raise Forbidden("other_pharmacy", cnpj=cnpj)
        known, since = self._known.get(cnpj, (None, 0.0))
        if known is None or monotonic() - since > _FRESH:
            if len(self._known) > 100_000:
                self._known.clear()
            name, city, state = facts.name or "", facts.city or "", facts.state or ""
            known = await pharmacies.find_or_create(
                self._database.within(Reach(cnpjs=(cnpj,))), cnpj, name, city, state
            )
            self._known[cnpj] = (known, monotonic())
        return known

    def _named(self, value: str) -> str:
        try:
            return parse_cnpj(value, verify=self._verify)
        except InvalidCnpj as error:
            raise BadRequest(error.code, **error.facts) from error

    def _cnpj(self, caller: Caller, facts: Facts) -> str:
        own = caller.only()
        if own and not facts.cnpj:
            return own
        if not facts.cnpj:
            raise BadRequest("cnpj_missing")
        try:
            sent = parse_cnpj(facts.cnpj, verify=self._verify)
        except InvalidCnpj as error:
            if own:
                return own  # the record alone is at fault, and is rejected as such
            raise BadRequest(error.code, **error.facts) from error
        return sent


def _count(load_type: str, size: int, seconds: float) -> None:
    BATCHES_CREATED.add(load_type)
    UPLOAD_BYTES.observe(size)
    UPLOAD_LAST_BYTES.set(size)
    UPLOAD_DURATION.observe(seconds)


def _load_type(request: Request) -> str:
    value = request.headers.get("x-inova-load-type", "").strip().lower()
    if not value:
        raise BadRequest("load_type_missing", {"required": ["X-Inova-Load-Type"]})
    if value not in _LOAD_TYPES:
        raise BadRequest("load_type_unknown", value=value[:40])
    return value


def _content(request: Request) -> tuple[str, str]:
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if kind not in _MEDIA:
        raise UnsupportedMediaType("content_type_unknown", value=kind[:80])
    encoding = request.headers.get("content-encoding", "").strip().lower()
    encoding = "" if encoding == "identity" else encoding
    if encoding not in ("", "gzip", "zstd"):
        raise UnsupportedMediaType("content_encoding_unknown", value=encoding[:80])
    return _MEDIA[kind], encoding


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
        "received_at": receipt.received_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    headers = {"Location": f"/v1/batches/{receipt.batch_id}"} | limits
    if receipt.replayed:
        body["message"] = "Batch already received (idempotent)"
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(body, 202, headers)
