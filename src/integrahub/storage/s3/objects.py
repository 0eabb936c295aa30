"""Storage in S3: multipart uploads above 5 MB, reads by range. Imported only if STORAGE_URL names S3."""

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
    from obstore import AsyncWritableFile, SuffixRange
    from obstore.store import ClientConfig

_T = TypeVar("_T")
_PART_BYTES = 5 << 20  # the minimum size of a part in S3
_UPLOAD_CONCURRENCY = 2  # parts
_RANGE_BYTES = 4 << 20  # per request; the next one runs while its reader works
_UNSATISFIABLE = "status code: 416"  # in the message of obstore, which has no exception for it
_WHOLE = "non-partial response"  # in the message of obstore, if a server answers a range with the object
_OBJECT_BLOCK_BYTES = 512 * 1024  # per yielded block
_CREDENTIALS_TTL = timedelta(minutes=5)  # botocore renews its own credentials ten minutes before they expire


class S3Storage:
    """Objects in a bucket, over pooled connections, with credentials that are renewed before they expire.

    A read is a series of range requests, one ahead of the reader, so a slow reader keeps no connection open.
    """

    def __init__(self, config: S3Config) -> None:
        self._config = config
        self._store = _create_store(config)

    def renew(self, config: S3Config) -> None:
        """Use the keys of `config` for new requests; running requests keep their keys."""
        if config != self._config:
            self._config, self._store = config, _create_store(config)

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """Complete the upload after the last block; abort it if `blocks` raises or the call is cancelled."""
        size = 0
        with _translate_errors():
            upload = obstore.open_writer_async(
                self._store, check_name(name), buffer_size=_PART_BYTES, max_concurrency=_UPLOAD_CONCURRENCY
            )
            async with _Upload(upload):
                async for block in blocks:
                    size += len(block)
                    await _run_to_end(upload.write(block))
        return size

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        if length is not None and length <= 0:
            return
        content, at, size = await self._first_range(name, start, length)
        end = size if length is None else min(size, at + length)
        while content:
            at += len(content)
            ahead = asyncio.create_task(self._range(name, at, min(end, at + _RANGE_BYTES))) if at < end else None
            try:
                for offset in range(0, len(content), _OBJECT_BLOCK_BYTES):
                    yield content[offset : offset + _OBJECT_BLOCK_BYTES]
                content = await ahead if ahead else b""
            finally:
                if ahead:
                    ahead.cancel()

    async def delete(self, name: str) -> None:
        with _translate_errors():
            try:
                await obstore.delete_async(self._store, check_name(name))
            except FileNotFoundError:
                return

    async def list(self, prefix: str) -> AsyncIterator[str]:
        with _translate_errors():
            async for page in obstore.list(self._store, prefix.rpartition("/")[0] or None):
                for entry in page:
                    if entry["path"].startswith(prefix):
                        yield entry["path"]

    async def check(self) -> None:
        name = f"checks/{uuid4().hex}"
        with _translate_errors():
            await obstore.put_async(self._store, name, b"ok", use_multipart=False)
            await obstore.delete_async(self._store, name)

    async def _first_range(self, name: str, start: int, length: int | None) -> tuple[bytes, int, int]:
        """Return the first bytes of a read, where they begin, and the size of the object.

        The size comes with the bytes, so a read needs no HEAD request. A negative `start` reads all from there on.
        """
        last = start + (_RANGE_BYTES if length is None else min(length, _RANGE_BYTES))
        wanted: SuffixRange | tuple[int, int] = {"suffix": -start} if start < 0 else (start, last)
        with _translate_errors(), _translate_missing(name):
            try:
                got = await obstore.get_async(self._store, check_name(name), options={"range": wanted})
            except BaseError as error:
                if _UNSATISFIABLE in str(error):  # the object ends before `start`
                    return b"", 0, 0
                if _WHOLE in str(error):  # as servers may for a range that is not in the object
                    return await self._cut_whole(name, start, length)
                raise
            content = bytes(await got.bytes_async())
            return content if length is None else content[:length], got.range[0], got.meta["size"]

    async def _cut_whole(self, name: str, start: int, length: int | None) -> tuple[bytes, int, int]:
        """Return what `_first_range` returns, from a request without a range."""
        got = await obstore.get_async(self._store, name)
        size, content, at = got.meta["size"], bytearray(), 0
        start = max(0, size + start) if start < 0 else start
        end = min(size, start + (_RANGE_BYTES if length is None else min(length, _RANGE_BYTES)))
        if start < end:
            async for block in got.stream():
                content += bytes(block)[max(0, start - at) : max(0, end - at)]
                at += len(block)
                if at >= end:
                    break
        return bytes(content), start, size

    async def _range(self, name: str, start: int, end: int) -> bytes:
        with _translate_errors(), _translate_missing(name):
            return bytes(await obstore.get_range_async(self._store, name, start=start, end=end))


class _Upload:
    """A multipart upload: complete it at the end of the block, or abort it, which removes its parts."""

    def __init__(self, upload: "AsyncWritableFile") -> None:
        self._upload = upload

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            await _run_to_end(self._upload.__aexit__(kind, error, trace))
            return
        try:
            await _run_to_end(self._upload.close())
        except BaseError as refused:
            with suppress(BaseError):
                await _run_to_end(self._upload.__aexit__(BaseError, refused, None))
            raise


async def _run_to_end(call: Awaitable[_T]) -> _T:
    """Return the call's result; if the caller is cancelled, wait for the call before raising CancelledError.

    The server may have executed an interrupted request to create an upload, whose id would then be unknown.
    """
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def create_session(config: S3Config) -> boto3.Session:
    """Return a session with credentials. Raise ConfigurationError if there are none."""
    session = boto3.Session(config.access_key, config.secret_key, region_name=config.region)
    if session.get_credentials() is None:
        raise ConfigurationError(
            f"No credentials for bucket {config.bucket}. Set INTEGRAHUB_STORAGE_ACCESS_KEY and "
            "INTEGRAHUB_STORAGE_SECRET_KEY, or give the process an AWS role or profile."
        )
    return session


def _create_store(config: S3Config) -> S3Store:
    return S3Store(
        config.bucket,
        endpoint=config.endpoint,
        region=config.region,
        virtual_hosted_style_request=not config.path_style,
        credential_provider=Boto3CredentialProvider(create_session(config), ttl=_CREDENTIALS_TTL),
        client_options=_ca_certificates(config)
        | {
            "allow_http": (config.endpoint or "").startswith("http://"),
            "connect_timeout": "5s",
            "read_timeout": "20s",
            "timeout": "60s",
            "pool_idle_timeout": "60s",
        },
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
    )


def _ca_certificates(config: S3Config) -> "ClientConfig":
    return {"root_certificate": config.authority.read_bytes()} if config.authority else {}


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise errors of the store as Transient."""
    try:
        yield
    except BaseError as error:
        raise Transient(f"S3: {str(error).partition(chr(10))[0][:300]}") from error


@contextmanager
def _translate_missing(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ObjectMissing(f"There is no object named {name!r}.") from None
