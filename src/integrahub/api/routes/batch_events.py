"""Route of the events of a batch (server-sent events)."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from starlette.requests import Request
from starlette.responses import Response

from integrahub.api.auth.authentication import Authenticate
from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.event_stream import FINISHED_ID, BatchStream, StreamSlots
from integrahub.api.language import language_of, set_language_headers
from integrahub.api.middleware.read_limits import LongLivedResponse
from integrahub.api.routes.batches import BatchReports
from integrahub.domain.api_keys import Caller
from integrahub.reports.batch_watch import BatchState, BatchWatch

_MEDIA_TYPE = "text/event-stream"
# A proxy that buffers would withhold the events (nginx reads this header).
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_EXAMPLE = 'id: upserting-0-5000-1200\nevent: progress\ndata: {"batch_id": "...", "progress": 0.24}\n\n'
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`progress` at most once a second while the batch changes, `finished` once. `data` is what "
        "GET /v1/batches/{batch_id} answers then",
        "content": {_MEDIA_TYPE: {"example": _EXAMPLE}},
    },
    204: {"description": "`Last-Event-ID` is `finished`: the client has seen the end and need not connect again"},
}
LastEventId = Annotated[str, Header(description="id of the last event that the client got; it is not repeated")]


def router(batch_reports: BatchReports, watch: BatchWatch, slots: StreamSlots, authenticate: Authenticate) -> APIRouter:
    """Return the route; it requires a key of the pharmacy, or a viewer's."""
    routes = AuthenticatedRouter(tags=["batches"])
    Reader = Annotated[Caller, Depends(authenticate)]

    @routes.get(
        "/v1/batches/{batch_id}/events",
        summary="Progress of a batch as server-sent events",
        response_class=Response,
        responses=_RESPONSES,
    )
    async def events(batch_id: UUID, request: Request, caller: Reader, last_event_id: LastEventId = "") -> Response:
        batch = await batch_reports.find(caller, batch_id)
        if batch.finished_at and last_event_id == FINISHED_ID:
            return Response(status_code=204)
        state, language = BatchState(batch, await batch_reports.estimate(caller, batch)), language_of(request)
        stream = BatchStream(watch, state, language, lambda: authenticate(_copy_without_caller(request)))
        slots.check(caller.name)
        answer = LongLivedResponse(
            stream.events(last_event_id), slots.hold(caller.name), media_type=_MEDIA_TYPE, headers=_HEADERS
        )
        set_language_headers(answer, language)
        return answer

    return routes


def _copy_without_caller(request: Request) -> Request:
    """Return the request as it was before its key was checked, so that the key is looked up again."""
    return Request({name: value for name, value in request.scope.items() if name != "caller"})
