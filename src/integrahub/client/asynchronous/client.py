"""Asynchronous client of a running hub. It reads no settings: the caller hands in address, key and trust."""

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from integrahub.client.asynchronous.batch import AsyncBatch
from integrahub.client.asynchronous.connection import PRODUCTS_PATH, AsyncConnection, stream_blocks
from integrahub.client.responses import Page, Row
from integrahub.client.uploads import CatalogueFile, UploadListener, open_catalogue, open_spool
from integrahub.client.waiting import iterate_async, run_in_thread

_PRODUCTS_PER_PAGE = 100
_CHANGES_PER_PAGE = 1000
#: A new idempotency key for each call of `send`.
GENERATED_KEY = "generated"


class AsyncClient(AsyncConnection):
    """Client of the hub at `url`: posts catalogues, follows batches, reads products and their changes.

    Close it after use; it is a context manager. Example: `batch = await client.send("catalogue.json", "full")`, then
    `await batch.wait()`.
    """

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def with_key(self, key: str) -> "AsyncClient":
        """Return a client of the same hub with another key."""
        return AsyncClient(
            self.url,
            key,
            trusted=self._trusted,
            language=self._language,
            timeout=self._timeout,
            retries=self._retries,
        )

    async def send(
        self,
        source: str | PathLike[str] | Iterable[Any] | AsyncIterable[Any],
        load_type: str,
        *,
        cnpj: str | None = None,
        idempotency_key: str | None = GENERATED_KEY,
        dry_run: bool = False,
        listener: UploadListener | None = None,
    ) -> AsyncBatch:
        """Post a catalogue and return its batch, not yet final.

        `source` is the path of a file (a JSON array or NDJSON; plain, gzip or zstd; `-` for standard input) or an
        iterable of records. `load_type` is `full` or `delta`. `cnpj` names the pharmacy if neither records nor key do.
        Memory stays constant at any size: plain files are compressed while they are sent, records are first written
        to a compressed temporary file. With its idempotency key a repeated post is one batch; with None the hub
        recognises only content equal to the pharmacy's latest batch. A dry run changes no product.

        Raise InvalidCatalogue if `source` cannot be read, ApiError if the hub refuses it or does not answer.
        """
        key = str(uuid.uuid4()) if idempotency_key == GENERATED_KEY else idempotency_key
        extra = ({"Idempotency-Key": key} if key else {}) | ({"X-Inova-Dry-Run": "true"} if dry_run else {})
        with ExitStack() as opened:
            catalogue = await self._open(source, opened)
            headers = await run_in_thread(catalogue.headers, load_type) | extra
            return await self._post(catalogue, headers, cnpj, listener)

    async def _open(
        self, source: str | PathLike[str] | Iterable[Any] | AsyncIterable[Any], opened: ExitStack
    ) -> CatalogueFile:
        if isinstance(source, str | PathLike):
            catalogue: CatalogueFile = await run_in_thread(opened.enter_context, open_catalogue(Path(source)))
            return catalogue
        spool = opened.enter_context(open_spool())
        async for record in iterate_async(source):
            spool.add(record)
        return await run_in_thread(spool.finish)

    async def _post(
        self, catalogue: CatalogueFile, headers: dict[str, str], cnpj: str | None, listener: UploadListener | None
    ) -> AsyncBatch:
        heard = listener or UploadListener()
        response = await self.send_with_retries(
            lambda: self._http.post(
                PRODUCTS_PATH,
                content=stream_blocks(catalogue.blocks(heard.on_sent)),
                headers=headers,
                params={"cnpj": cnpj} if cnpj else {},
            ),
            is_repeatable=True,  # the hub recognises a repeated post by its key, or by its content
            listener=listener,
        )
        return AsyncBatch(self, self.parse_batch(response), is_repeated="Idempotent-Replayed" in response.headers)

    async def batch(self, batch_id: str) -> AsyncBatch:
        """Return a batch by its id. Raise ApiError if there is none."""
        return AsyncBatch(
            self, self.parse_batch(await self.request("GET", f"/v1/batches/{quote(str(batch_id), safe='')}"))
        )

    def batches(self, **filters: Any) -> AsyncIterator[Row]:
        """Yield batches, newest first; the filters are those of `GET /v1/batches`."""
        return self.list_all("/v1/batches", **filters)

    def products(self, **filters: Any) -> AsyncIterator[Row]:
        """Yield products, page by page; the filters are those of `GET /v1/products`."""
        return self.list_all("/v1/products", **{"limit": _PRODUCTS_PER_PAGE} | filters)

    async def product(self, product_id: int, cnpj: str | None = None) -> Row:
        """Return one product. Raise ApiError if there is none."""
        return dict(await self.get(f"/v1/products/{product_id}", cnpj=cnpj))

    def history(self, product_id: int, **query: Any) -> AsyncIterator[Row]:
        """Yield the changes of one product, newest first."""
        return self.list_all(f"/v1/products/{product_id}/history", **query)

    def changes(self, cursor: str | None = None, **query: Any) -> AsyncIterator[Page]:
        """Yield pages of the change feed up to the present: without a cursor the whole catalogue first.

        Apply a page, store its `next_cursor`, and continue from there later. If `reset` is true, forget the catalogue
        first. Raise ApiError with the code `cursor_expired` if the cursor is older than the feed: begin without one.
        """
        return self.list_pages("/v1/products/changes", cursor=cursor, **{"limit": _CHANGES_PER_PAGE} | query)
