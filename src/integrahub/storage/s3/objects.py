"""Objects in S3: one put up to 5 MB, parts above; reads by ranges. Imported only when chosen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import boto3
import obstore
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.exceptions import BaseError
from obstore.store import S3Store

from integrahub.domain.errors import ConfigurationError, Transient
from integrahub.storage.base import ObjectMissing, check_name
from integrahub.storage.s3.config import S3Config

if TYPE_CHECKING:
    from obstore import AsyncWritableFile
    from obstore.store import ClientConfig

_T = TypeVar("_T")
_PART = 5 << 20  # bytes: the least a part may have, and so the most a put holds back
_PARTS_AT_ONCE = 2
_READ = 8 << 20  # bytes a request asks for
_BLOCK = 512 * 1024  # bytes given at once
_KEPT = timedelta(minutes=5)  # until credentials are asked for again; botocore renews its own ten minutes early


class S3Storage:
    """The storage port on a bucket; connections are pooled, credentials renewed as they age.

    A read is a row of bounded requests, so that a slow reader keeps no connection waiting.
    """

    def __init__(self, place: S3Config) -> None:
        self._place = place
        self._store = _store(place)

    def renew(self, place: S3Config) -> None:
        """Use the keys of `place` from the next request on; what is under way ends with those it began with."""
        if place != self._place:
            self._place, self._store = place, _store(place)

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """Visible only when all of it is there: an upload whose blocks fail, or that is cancelled, is aborted."""
        size = 0
        with _asking():
            upload = obstore.open_writer_async(
                self._store, check_name(name), buffer_size=_PART, max_concurrency=_PARTS_AT_ONCE
            )
            async with _Upload(upload):
                async for block in blocks:
                    size += len(block)
                    await _unbroken(upload.write(block))
        return size

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes, range by range."""
        end = await self._size(name)
        if length is not None:
            end = min(end, start + length)
        for at in range(start, end, _READ):
            content = await self._range(name, at, min(end, at + _READ))
            for offset in range(0, len(content), _BLOCK):
                yield content[offset : offset + _BLOCK]

    async def delete(self, name: str) -> None:
        """Remove the object."""
        with _asking():
            try:
                await obstore.delete_async(self._store, check_name(name))
            except FileNotFoundError:
                return

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Names, a page at a time."""
        with _asking():
            async for page in obstore.list(self._store, prefix.rpartition("/")[0] or None):
                for found in page:
                    if found["path"].startswith(prefix):
                        yield found["path"]

    async def check(self) -> None:
        """Write and remove a small object."""
        name = f"checks/{uuid4().hex}"
        with _asking():
            await obstore.put_async(self._store, name, b"ok", use_multipart=False)
            await obstore.delete_async(self._store, name)

    async def _size(self, name: str) -> int:
        with _asking(), _named(name):
            return (await obstore.head_async(self._store, check_name(name)))["size"]

    async def _range(self, name: str, start: int, end: int) -> bytes:
        with _asking(), _named(name):
            return bytes(await obstore.get_range_async(self._store, name, start=start, end=end))


class _Upload:
    """Completed in the end, or aborted: then nothing of it stays in the bucket, seen or unseen."""

    def __init__(self, upload: "AsyncWritableFile") -> None:
        self._upload = upload

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            await _unbroken(self._upload.__aexit__(kind, error, trace))
            return
        try:
            await _unbroken(self._upload.close())
        except BaseError as refused:
            with suppress(BaseError):
                await _unbroken(self._upload.__aexit__(BaseError, refused, None))
            raise


async def _unbroken(call: Awaitable[_T]) -> _T:
    """The call's answer. A call that is cancelled is waited for all the same: given up halfway, a request for an
    upload may have been heard, and nobody would know which upload to abort."""
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def session(place: S3Config) -> boto3.Session:
    """Whose credentials are used; ConfigurationError when there are none."""
    made = boto3.Session(place.access_key, place.secret_key, region_name=place.region)
    if made.get_credentials() is None:
        raise ConfigurationError(
            f"There are no credentials for the bucket {place.bucket}. Set STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY, "
            "or give the process a role or a profile of AWS."
        )
    return made


def _store(place: S3Config) -> S3Store:
    return S3Store(
        place.bucket,
        endpoint=place.endpoint,
        region=place.region,
        virtual_hosted_style_request=not place.path_style,
        credential_provider=Boto3CredentialProvider(session(place), ttl=_KEPT),
        client_options=_trust(place)
        | {
            "allow_http": (place.endpoint or "").startswith("http://"),
            "connect_timeout": "5s",
            "read_timeout": "20s",
            "timeout": "60s",
            "pool_idle_timeout": "60s",
        },
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
    )


def _trust(place: S3Config) -> "ClientConfig":
    return {"root_certificate": place.authority.read_bytes()} if place.authority else {}


@contextmanager
def _asking() -> Iterator[None]:
    """What the store refuses is a fault of the dependency."""
    try:
        yield
    except BaseError as error:
        raise Transient(f"S3: {str(error).partition(chr(10))[0][:300]}") from error


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ObjectMissing(f"There is no object named {name!r}.") from None
