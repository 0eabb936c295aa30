"""The OpenAPI document as a hub serves it. The route needs neither a database nor a key."""

import asyncio
from typing import Any

import httpx2

from integrahub.api.app import OPENAPI_PATH, create_app
from integrahub.hub.bootstrap import compose_hub
from integrahub.settings.model import Settings


def fetch_document() -> dict[str, Any]:
    """Return the document that a hub with default settings serves."""
    return asyncio.run(_fetch())


async def _fetch() -> dict[str, Any]:
    hub = compose_hub(Settings())
    transport = httpx2.ASGITransport(create_app(hub, hub.ingest()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as http:
        answer = await http.get(OPENAPI_PATH)
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document
