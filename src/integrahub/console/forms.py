"""Forms that browsers post: bounded, one value per name."""

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import Request

from integrahub.domain.errors import BadRequest, PayloadTooLarge, RequestTimeout

MAX_FORM_BYTES = 64 * 1024
_MAX_FIELDS = 200
_FORM_TIMEOUT_SECONDS = 30.0


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of an urlencoded form.

    Raise PayloadTooLarge if it is larger than any form of the console, RequestTimeout if it arrives too slowly, and
    BadRequest if it has too many fields.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(_FORM_TIMEOUT_SECONDS):
            async for block in request.stream():
                body += block
                if len(body) > MAX_FORM_BYTES:
                    raise PayloadTooLarge("request_too_large", {"limit": MAX_FORM_BYTES}, limit=MAX_FORM_BYTES)
    except TimeoutError:
        raise RequestTimeout("body_timeout", received=len(body)) from None
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError as error:
        raise BadRequest("request_unreadable", reason=error) from error
