"""Style sheets and scripts of the console: read from the package, served with their digest in the address."""

from functools import cache
from hashlib import blake2b
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from integrahub.console.navigation import ROOT

_STYLES = ("tokens", "base", "layout", "components", "charts")
_FILES = ("console.js", "htmx.min.js", "icon.svg")
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_YEAR_SECONDS = 31_536_000


@cache
def read_asset(name: str) -> bytes | None:
    """Return the content of `console.css`, of which areas have parts, or of another file; None for other names."""
    folder = resources.files("integrahub.console") / "static"
    if name == "console.css":
        parts = [folder / "css" / f"{part}.css" for part in _STYLES]
        areas = (file for file in (folder / "css" / "areas").iterdir() if file.name.endswith(".css"))
        parts += sorted(areas, key=lambda file: file.name)
        return b"\n".join(part.read_bytes() for part in parts)
    file = folder / name
    return file.read_bytes() if name in _FILES and file.is_file() else None


def has_htmx() -> bool:
    """Return whether the package has htmx, which `make assets` copies into it. Without it no page updates itself."""
    return read_asset("htmx.min.js") is not None


@cache
def asset_url(name: str) -> str:
    """Return the address of an asset; it changes with the content, so that browsers may keep it for good."""
    digest = blake2b(read_asset(name) or b"", digest_size=6).hexdigest()
    return f"{ROOT}/static/{digest}/{name}"


async def serve_asset(request: Request) -> Response:
    """Answer with an asset of any version; only the address of this version may be cached."""
    name = request.path_params["name"]
    content = read_asset(name)
    if content is None:
        return Response(status_code=404)
    is_current = request.url.path == asset_url(name)
    caching = f"public, max-age={_YEAR_SECONDS}, immutable" if is_current else "no-store"
    media_type = _TYPES[name.rpartition(".")[2]]
    return Response(content, media_type=media_type, headers={"Cache-Control": caching})
