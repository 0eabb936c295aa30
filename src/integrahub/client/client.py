"""A client of a running hub: the address and key from the settings, refusals as errors that say what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import httpx
import typer

from integrahub.client.language import language
from integrahub.client.transport import open_http, unreachable
from integrahub.domain.addresses import parse_http_url
from integrahub.secrets.local import readable_operator_key
from integrahub.settings.model import Settings

_PAGE = 500
#: address and key that the options of a verb name, before any setting
chosen_hub: ContextVar[tuple[str | None, str | None]] = ContextVar("chosen_hub", default=(None, None))


class ApiError(Exception):
    """The hub refused; the text says why, `status` with which answer (None: it was not the hub's).

    `retry_after` is in seconds, None where the hub did not say when to come again.
    """

    def __init__(self, told: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(told)
        self.status = status
        self.retry_after = retry_after


class Client:
    """Requests of one verb; close after use (a context manager).

    `url` and `key` override the settings. `timeout` is in seconds, of each wait; None: what a large body takes.
    """

    def __init__(self, url: str | None = None, key: str | None = None, timeout: float | None = None) -> None:
        settings, (chosen_url, chosen_key) = Settings(), chosen_hub.get()
        url, key = url or chosen_url, key or chosen_key
        self.url = _checked(url) if url else settings.url or settings.own_url
        headers = {"Accept-Language": language(), **credentials(settings, key)}
        patience = {} if timeout is None else {"timeout": httpx.Timeout(timeout)}
        self._http = open_http(self.url, settings, headers, **patience)

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
        with self._reaching():
            return answered(self._http.get(path)).text

    def look(self, path: str) -> tuple[int, Any]:
        """Return the answer's status and JSON, whatever the status: /health tells more when it is 503."""
        with self._reaching():
            answer = self._http.get(path)
            return answer.status_code, answer.json()

    def call(self, method: str, path: str, **request: Any) -> Any:
        """The answer's JSON; Refused when it is not 2xx."""
        with self._reaching():
            return answered(self._http.request(method, path, **request)).json()

    def lines(self, path: str, **query: Any) -> Iterator[str]:
        """A streamed answer, line by line."""
        with self._reaching(), self._http.stream("GET", path, params=query) as answer:
            if answer.is_error:
                answer.read()
            answered(answer)
            yield from answer.iter_lines()

    def check_key(self) -> None:
        """Ask for a batch that no hub has; Refused when the key itself is not taken."""
        with self._reaching():
            answer = self._http.get(f"/v1/batches/{UUID(int=0)}")
        if answer.status_code == 401 or answer.is_redirect:
            answered(answer)

    def post_body(self, blocks: Iterator[bytes], headers: dict[str, str], cnpj: str | None = None) -> httpx.Response:
        """Post a catalogue as a stream; Refused when it is not taken."""
        query = {"cnpj": cnpj} if cnpj else {}
        with self._reaching():
            answer = self._http.post("/v1/inovafarma/products", content=blocks, headers=headers, params=query)
        return answered(answer)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise ApiError(unreachable(self.url, error)) from error
        except ValueError as error:  # JSON was expected
            raise ApiError(f"What answers at {self.url} is not IntegraHub: {error}. Set INTEGRAHUB_URL.") from error

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
        told = answer.text[:300] or answer.reason_phrase
    if answer.is_redirect:
        told = f"it is at {answer.headers.get('location')}. Set INTEGRAHUB_URL to the address that answers itself."
    if answer.status_code == httpx.codes.UNAUTHORIZED and "Authorization" not in answer.request.headers:
        told = f"{told} Set INTEGRAHUB_KEY; the operator's key was shown at the hub's first start."
    wait = answer.headers.get("Retry-After", "")
    retry_after = float(wait) if wait.isascii() and wait.isdigit() else None
    raise ApiError(f"The hub answered {answer.status_code}: {told}", answer.status_code, retry_after)


def _checked(url: str) -> str:
    try:
        return parse_http_url(url)
    except ValueError as error:
        raise typer.BadParameter(f"{url!r}: {error}", param_hint="--url") from None


def credentials(settings: Settings, key: str | None = None) -> dict[str, str]:
    """Return the header of a key: the one given, that of the settings, or the operator's; none where there is none."""
    found = (key or settings.key or _admin_key(settings)).strip()
    if not (found.isascii() and found.isprintable()):
        raise ApiError("The API key holds characters that no key has. Copy it again: ASCII, without line ends.")
    return {"Authorization": f"Bearer {found}"} if found else {}


def _admin_key(settings: Settings) -> str:
    """The operator's key of the hub on this machine, when it can be read."""
    return settings.admin_api_key or readable_operator_key(settings.data_dir)
