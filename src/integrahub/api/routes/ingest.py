"""Route POST /v1/inovafarma/products. It bypasses FastAPI's parsing, because it takes by far the most requests."""

from time import monotonic
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from integrahub.access.rate_limiter import RateLimits
from integrahub.api.auth.authentication import Authenticate
from integrahub.api.ingest_headers import (
    PostHeaders,
    prefers_receipt,
    read_idempotency_key,
    read_item_count,
    read_kind,
    read_post_headers,
)
from integrahub.api.pharmacy_finder import PharmacyFinder
from integrahub.api.posts.answer import MEDIA_TYPE, build_headers, count_accepted, render_body
from integrahub.api.unknown_names import add_ignored_notice, add_notice
from integrahub.db.accounts.rows import Pharmacy
from integrahub.db.batches.accept import Receipt
from integrahub.domain.api_keys import Caller
from integrahub.domain.batches import BatchKind
from integrahub.domain.dialects.base import Dialect, FirstRecord
from integrahub.domain.errors import BadRequest, Forbidden, UnsupportedMediaType
from integrahub.domain.parsing.body_inspection import inspect_head
from integrahub.domain.views.receipt import ReceiptClaims
from integrahub.domain.views.timestamps import format_time
from integrahub.pipeline.ingest.decoding import Decoding
from integrahub.pipeline.ingest.step import Ingest, IngestRequest
from integrahub.pipeline.ingest.upload import Upload, too_large
from integrahub.reports.receipts import Receipts
from integrahub.telemetry.metrics.http import POST_ROUTE

PATH = POST_ROUTE


class BodyLimits(NamedTuple):
    """Decoded bytes of a body, ratio of decoded to received bytes, seconds that a client may send nothing."""

    decoded_bytes: int
    inflation: int
    idle_timeout: float


class BodyReader:
    """Open the body of a post and inspect its beginning."""

    def __init__(self, limits: BodyLimits, decoding: Decoding, dialect: Dialect, *, frames_bodies: bool) -> None:
        self._limits = limits
        self._frames_bodies = frames_bodies
        self._decoding = decoding
        self._read_first_record = dialect.read_first_record

    def open(self, request: Request, headers: PostHeaders, caller: Caller) -> Upload:
        """Return the body as it arrives. Raise PayloadTooLarge if its announced length exceeds the limit."""
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._limits.decoded_bytes:
            raise too_large(self._limits.decoded_bytes)
        return Upload(
            request.stream(),
            headers.encoding,
            *self._limits,
            transcoder=headers.transcoder,
            decoding=self._decoding,
            client=caller.single_cnpj() or caller.name,
            is_framed=self._frames_bodies,
        )

    async def read_first_record(self, upload: Upload, media_type: str) -> FirstRecord:
        """Return the pharmacy that the first record names. Raise a Problem if the body is not a catalogue."""
        head = await upload.peek()
        fault = inspect_head(head, media_type, upload.encoding)
        if fault:
            raise (UnsupportedMediaType if fault.is_encoding else BadRequest)(fault.code, **fault.facts)
        first_record = self._read_first_record(head, media_type)
        if first_record.problem:
            raise BadRequest(first_record.problem)
        return first_record


class IngestHandler:
    """Check a post in the order of the contract, hand it to the ingest step, and answer 202 with its receipt."""

    def __init__(
        self,
        ingest: Ingest,
        authenticate: Authenticate,
        limits: RateLimits,
        find: PharmacyFinder,
        reader: BodyReader,
        receipts: Receipts,
    ) -> None:
        self._ingest = ingest
        self._authenticate = authenticate
        self._limits = limits
        self._find_pharmacy = find
        self._reader = reader
        self._receipts = receipts

    async def __call__(self, request: Request) -> Response:
        """Return the answer to one post."""
        started_at = monotonic()
        caller = await self._authenticate(request)
        post_headers = read_post_headers(request)
        upload = self._reader.open(request, post_headers, caller)
        try:
            first_record = await self._reader.read_first_record(upload, post_headers.media_type)
            pharmacy = await self._find(request, caller, first_record)
            ingest_request = _read_request(request, post_headers, upload, pharmacy, caller, started_at)
            limit_headers = await self._limits.hit_post(caller, pharmacy.cnpj, pharmacy.rate_limit)
            receipt = await self._ingest(ingest_request, upload)
        finally:
            await upload.close()
        count_accepted(receipt, ingest_request, upload.decoded)
        wants_receipt = prefers_receipt(request)
        signed = await self._sign(receipt, ingest_request, upload) if wants_receipt else None
        headers = build_headers(receipt, limit_headers, signed)
        answer = Response(render_body(receipt, ingest_request.kind, signed), 202, headers, MEDIA_TYPE)
        if wants_receipt and not signed:
            add_notice(answer, "no receipt: this hub signs none, its operator must set INTEGRAHUB_RECEIPT_KEY")
        return _with_notices(answer, request, pharmacy)

    async def _find(self, request: Request, caller: Caller, first_record: FirstRecord) -> Pharmacy:
        """Return the pharmacy of a post. The scope gets its CNPJ: refusals are counted by it."""
        try:
            pharmacy = await self._find_pharmacy(caller, first_record, request.query_params.get("cnpj", ""))
        except Forbidden as error:
            request.scope["cnpj"] = error.facts.get("cnpj", "")
            raise
        request.scope["cnpj"] = pharmacy.cnpj
        return pharmacy

    async def _sign(self, receipt: Receipt, request: IngestRequest, upload: Upload) -> str | None:
        """Return the signed receipt of a post; None if this hub signs none, since the client only prefers it."""
        if not self._receipts.are_on:
            return None
        claims = ReceiptClaims(
            iss=self._receipts.issuer,
            jti=receipt.batch_id,
            cnpj=request.cnpj,
            load_type=request.load_type,
            sha256=upload.sha256.hex(),
            bytes=upload.decoded,
            received_at=format_time(receipt.received_at),
            dry_run=request.kind is BatchKind.DRY_RUN,
        )
        return await self._receipts.sign(claims)


def _read_request(
    request: Request, headers: PostHeaders, upload: Upload, pharmacy: Pharmacy, caller: Caller, started_at: float
) -> IngestRequest:
    return IngestRequest(
        pharmacy_id=pharmacy.id,
        cnpj=pharmacy.cnpj,
        load_type=headers.load_type,
        media_type=headers.media_type,
        encoding="" if upload.transcoder else upload.encoding,
        idempotency_key=read_idempotency_key(request),
        item_count=read_item_count(request),
        started=started_at,
        batch_id=request.scope["trace"],
        api_key_id=caller.key_id,
        kind=read_kind(request),
    )


def _with_notices(response: Response, request: Request, pharmacy: Pharmacy) -> Response:
    """Name the query parameters that the route does not know, and say that the pharmacy's webhook is disabled."""
    if request.scope["query_string"]:
        add_ignored_notice(response, "parameters", [name for name in request.query_params if name != "cnpj"])
    if pharmacy.webhook_disabled_at:
        since = format_time(pharmacy.webhook_disabled_at)
        add_notice(response, f"webhook disabled since {since}, events are held: see GET /v1/webhook")
    return response
