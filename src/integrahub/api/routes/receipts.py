"""Routes of signed receipts, and of the public keys that verify them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.models.signed_receipts import JsonWebKeySet, SignedReceiptAnswer
from integrahub.api.routes.batches import BatchReports
from integrahub.domain.api_keys import Caller
from integrahub.reports.receipts import Receipts

_KEYS_MAX_AGE_SECONDS = 300


def router(receipts: Receipts, batch_reports: BatchReports, authenticate: Authenticate) -> APIRouter:
    """Return the routes: that of a batch's receipt requires a key of the pharmacy, that of the keys none."""
    routes = AuthenticatedRouter(tags=["batches"])
    Reader = Annotated[Caller, Depends(authenticate)]

    @routes.get(
        "/v1/batches/{batch_id}/receipt",
        summary="Signed receipt of a batch",
        description="Signed at each request. The receipt of a final batch also has its status, end and counters.",
    )
    async def receipt(batch_id: UUID, caller: Reader) -> SignedReceiptAnswer:
        batch = await batch_reports.find(caller, batch_id)
        signed = await receipts.sign_batch(batch_reports.within(caller), batch)
        return SignedReceiptAnswer(batch_id=batch_id, receipt=signed)

    @routes.get(
        "/.well-known/jwks.json",
        summary="Public keys that verify receipts",
        openapi_extra={"security": []},
    )
    async def keys(response: Response) -> JsonWebKeySet:
        response.headers["Cache-Control"] = f"public, max-age={_KEYS_MAX_AGE_SECONDS}"
        return JsonWebKeySet.model_validate({"keys": await receipts.list_keys()})

    return routes
