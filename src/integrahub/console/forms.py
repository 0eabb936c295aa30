"""Forms that browsers post: bounded, one value per name."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from integrahub.domain.errors import PayloadTooLarge

MAX_FORM_BYTES = 64 * 1024
_MAX_FIELDS = 200


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of an urlencoded form. Raise PayloadTooLarge if it is larger than any form of the console."""
    body = b""
    async for block in request.stream():
        body += block
        if len(body) > MAX_FORM_BYTES:
            raise PayloadTooLarge("request_too_large", {"limit": MAX_FORM_BYTES}, limit=MAX_FORM_BYTES)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
