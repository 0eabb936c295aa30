"""A client of a running hub: the address and key from the settings, refusals as errors that say what to do."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from integrahub.cli.development_tls import AUTHORITY
from integrahub.settings import Settings

_PAGE = 500
_PATIENCE = httpx.Timeout(30, read=300, write=300)  # seconds; a large body takes its time


class Refused(Exception):
    """The hub refused; the text says why, `status` with which answer (None: it was not the hub's)."""

    def __init__(self, told: str, status: int | None = None) -> None:
        super().__init__(told)
        self.status = status


class Client:
    """Requests of one verb. `url` and `key` override the settings; close after use (a context manager)."""

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        settings = Settings()
        self.url = (url or settings.url or settings.own_url).rstrip("/")
        found = key or settings.key or _admin_key(settings)
        headers = {"Authorization": f"Bearer {found}"} if found else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=_PATIENCE, verify=trusted(settings))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The answer's JSON; Refused when it is not 2xx."""
        return self.call("GET", path, params={name: value for name, value in query.items() if value is not None})

    def text(self, path: str) -> str:
        """The answer as text; Refused when it is not 2xx."""
        return answered(self._http.get(path)).text

    def call(self, method: str, path: str, **request: Any) -> Any:
        """The answer's JSON; Refused when it is not 2xx."""
        return answered(self._http.request(method, path, **request)).json()

    def lines(self, path: str, **query: Any) -> Iterator[str]:
        """A streamed answer, line by line."""
        with self._http.stream("GET", path, params=query) as answer:
            if answer.is_error:
                answer.read()
            answered(answer)
            yield from answer.iter_lines()

    def post_body(self, blocks: Iterator[bytes], headers: dict[str, str], cnpj: str | None = None) -> httpx.Response:
        """Post a catalogue as a stream; Refused when it is not taken."""
        query = {"cnpj": cnpj} if cnpj else {}
        answer = self._http.post("/v1/inovafarma/products", content=blocks, headers=headers, params=query)
        return answered(answer)

    def pages(self, path: str, next_of: Callable[[Any], str | None] | None = None, **query: Any) -> Iterator[Any]:
        """Every item of a listing."""
        cursor: str | None = query.pop("cursor", None)
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from page["items"]
            cursor = next_of(page) if next_of else page["next_cursor"]
            if not cursor:
                return


def answered(answer: httpx.Response) -> httpx.Response:
    """The answer itself when it is 2xx; Refused otherwise."""
    if answer.is_success:
        return answer
    try:
        told = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        told = answer.text[:300]
    raise Refused(f"The hub answered {answer.status_code}: {told}", answer.status_code)


def trusted(settings: Settings) -> ssl.SSLContext:
    """The system's authorities, and that of `up --tls` when it is at hand."""
    context = ssl.create_default_context()
    own = settings.data_dir / "tls" / AUTHORITY
    if own.is_file():
        context.load_verify_locations(own)
    return context


def _admin_key(settings: Settings) -> str:
    """The operator's key of the hub on this machine, when it can be read."""
    kept: Path = settings.data_dir / "admin.key"
    try:
        return settings.admin_api_key or kept.read_text().strip()
    except OSError:
        return ""
