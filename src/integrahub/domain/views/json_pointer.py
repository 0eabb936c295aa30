"""JSON Pointer (RFC 6901)."""


def format_pointer(*tokens: int | str) -> str:
    """Return the pointer whose reference tokens are these array positions and member names."""
    return "".join(f"/{str(token).replace('~', '~0').replace('/', '~1')}" for token in tokens)
