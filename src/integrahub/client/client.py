"""Synchronous client of a running hub. It reads no settings: the caller hands in address, key and trust."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx2

from integrahub.client.transport import open_http, trust_authorities, unreachable
from integrahub.domain.languages import DEFAULT, Language

_PRODUCTS_PATH = "/v1/inovafarma/products"
_MAX_ERROR_CHARACTERS = 300


class ApiError(Exception):
    """A request failed; the text says why and what to do.

    `status` is the status code, None if the hub did not answer. `retry_after` is in seconds, None if the hub gave none.
    """

    def __init__(self, message: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Client:
    """Connection to the hub at `url`; close it after use (it is a context manager).

    `trusted` are the certificate authorities; by default those of the system. `timeout` is in seconds and per wait;
    by default it suits a large body.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        trusted: ssl.SSLContext | None = None,
        language: Language = DEFAULT,
        timeout: float | None = None,
    ) -> None:
        self.url = url
        self._language = language
        self._trusted = trusted or trust_authorities()
        self._timeout = timeout
        headers = {"Accept-Language": language, **authorization(key)}
        limits = {} if timeout is None else {"timeout": httpx2.Timeout(timeout)}
        self._http = open_http(url, self._trusted, headers, **limits)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def with_key(self, key: str) -> "Client":
        """Return a client of the same hub with another key."""
        return Client(self.url, key, trusted=self._trusted, language=self._language, timeout=self._timeout)

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a GET; parameters that are None are left out. Raise ApiError if the request fails."""
        return self.call("GET", path, params={name: value for name, value in query.items() if value is not None})

    def get_text(self, path: str) -> str:
        """Return the text of a GET. Raise ApiError if the request fails."""
        with self._api_errors():
            return check_status(self._http.get(path)).text

    def get_any_status(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of a GET, whatever the status: /health with 503 has a body too."""
        with self._api_errors():
            response = self._http.get(path)
            return response.status_code, response.json()

    def call(self, method: str, path: str, **request: Any) -> Any:
        """Return the JSON of a request; `request` are arguments of httpx2. Raise ApiError if the request fails."""
        with self._api_errors():
            return check_status(self._http.request(method, path, **request)).json()

    def stream_lines(self, path: str, **query: Any) -> Iterator[str]:
        """Yield the lines of a streamed response. Raise ApiError if the request fails."""
        with self._api_errors(), self._http.stream("GET", path, params=query) as response:
            if response.is_error:
                response.read()
            check_status(response)
            yield from response.iter_lines()

    def check_key(self) -> None:
        """Raise ApiError if the hub rejects the key. Requests a batch that cannot exist, which needs a valid key."""
        with self._api_errors():
            response = self._http.get(f"/v1/batches/{UUID(int=0)}")
        if response.status_code == 401 or response.is_redirect:
            check_status(response)

    def post_body(self, blocks: Iterator[bytes], headers: dict[str, str], cnpj: str | None = None) -> httpx2.Response:
        """Post a catalogue as a stream. Raise ApiError if the request fails."""
        query = {"cnpj": cnpj} if cnpj else {}
        with self._api_errors():
            response = self._http.post(_PRODUCTS_PATH, content=blocks, headers=headers, params=query)
        return check_status(response)

    @contextmanager
    def _api_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            raise ApiError(unreachable(self.url, error)) from error
        except ValueError as error:  # the response is not JSON
            raise ApiError(f"What answers at {self.url} is not IntegraHub: {error}. Set INTEGRAHUB_URL.") from error

    def list_all(self, path: str, next_of: Callable[[Any], str | None] | None = None, **query: Any) -> Iterator[Any]:
        """Yield every item of a listing, page by page; `next_of` reads the cursor of the next page."""
        cursor: str | None = query.pop("cursor", None)
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from page["items"]
            cursor = next_of(page) if next_of else page["next_cursor"]
            if not cursor:
                return


def check_status(response: httpx2.Response) -> httpx2.Response:
    """Return the response if its status is 2xx, else raise ApiError."""
    if response.is_success:
        return response
    try:
        message = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        message = response.text[:_MAX_ERROR_CHARACTERS] or response.reason_phrase
    if response.is_redirect:
        target = response.headers.get("location")
        message = f"redirected to {target}. Set INTEGRAHUB_URL to the address of the hub itself."
    if response.status_code == httpx2.codes.UNAUTHORIZED and "Authorization" not in response.request.headers:
        message = f"{message} Set INTEGRAHUB_KEY; the operator's key was shown at the hub's first start."
    wait = response.headers.get("Retry-After", "")
    retry_after = float(wait) if wait.isascii() and wait.isdigit() else None
    raise ApiError(f"The hub answered {response.status_code}: {message}", response.status_code, retry_after)


def authorization(key: str) -> dict[str, str]:
    """Return the header of an API key; none for an empty key. Raise ApiError if no header can carry the key."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise ApiError("The API key contains characters that no key has. Copy it again: ASCII, without line ends.")
    return {"Authorization": f"Bearer {key}"} if key else {}
