"""Guarantees of the S3 adapter: no leftovers, verified signatures, lifecycle rules."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from integrahub.domain.errors import ConfigurationError, Transient
from integrahub.storage.s3.config import S3Config, s3_config
from integrahub.storage.s3.lifecycle import BucketLifecycle, RetentionDays
from integrahub.storage.s3.objects import S3Storage
from integrahub.tools.devservices.seaweedfs import S3Server
from tests.conftest import new_bucket
from tests.contract.conftest import S3_KINDS, server_of


@pytest.fixture(params=S3_KINDS)
def server(request: pytest.FixtureRequest) -> S3Server:
    return server_of(request, request.param)


@pytest.fixture
def bucket(server: S3Server) -> S3Config:
    return new_bucket(server)


async def parts(count: int, fault: BaseException | None = None) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(1 << 20)
    if fault:
        raise fault


def uploads(server: S3Server, place: S3Config) -> list[str]:
    told = server.client().list_multipart_uploads(Bucket=place.bucket)
    return [upload["Key"] for upload in told.get("Uploads", [])]


async def test_an_upload_that_fails_or_is_cancelled_leaves_no_parts(server: S3Server, bucket: S3Config) -> None:
    storage = S3Storage(bucket)
    with pytest.raises(ConnectionResetError):
        await storage.put("batches/failed", parts(12, ConnectionResetError()))
    for moment in (0.0, 0.005, 0.02, 0.05):
        putting = asyncio.create_task(storage.put("batches/cancelled", parts(40)))
        await asyncio.sleep(moment)
        putting.cancel()
        await asyncio.wait([putting])
    assert uploads(server, bucket) == []


async def test_what_is_above_five_megabytes_goes_in_parts(server: S3Server, bucket: S3Config) -> None:
    storage = S3Storage(bucket)
    for name, size in (("small", 4), ("large", 11)):
        await storage.put(name, parts(size))
    tags = {name: server.client().head_object(Bucket=bucket.bucket, Key=name)["ETag"] for name in ("small", "large")}
    assert "-" not in tags["small"] and tags["large"].endswith('-3"')


async def test_a_reader_that_stops_leaves_no_request_behind(bucket: S3Config) -> None:
    storage = S3Storage(bucket)
    await storage.put("large", parts(11))
    before = asyncio.all_tasks()
    async with aclosing(storage.get("large")) as blocks:  # type: ignore[type-var]
        assert await anext(blocks) == bytes(512 * 1024)
        assert len(asyncio.all_tasks() - before) == 1  # the next range is read ahead
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_wrong_secret_or_a_store_that_is_away_is_a_fault_of_the_dependency(bucket: S3Config) -> None:
    for wrong in ({"secret_key": "wrong"}, {"endpoint": "http://127.0.0.1:1"}, {"bucket": "not-there"}):
        with pytest.raises((Transient, OSError)):
            await S3Storage(replace(bucket, **wrong)).check()


class _WithoutRanges(BaseHTTPRequestHandler):
    """A server that answers any range with the whole object, as it may if the range is not in the object."""

    protocol_version = "HTTP/1.1"
    content = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Sat, 28 Nov 2026 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@pytest.fixture
def without_ranges() -> Iterator[S3Storage]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _WithoutRanges) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield S3Storage(S3Config("bucket", f"http://127.0.0.1:{server.server_port}", "here", True, "key", "secret"))
        server.shutdown()
        thread.join()


async def test_a_range_that_is_answered_with_the_object_is_cut_from_it(
    without_ranges: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content, start, length in (
        (b"abc", 9, 5),
        (b"abc", -100, None),
        (b"abc", -2, None),
        (b"", 0, 4),
        (b"", -5, None),
    ):
        monkeypatch.setattr(_WithoutRanges, "content", content)
        found = b"".join([block async for block in without_ranges.get("a", start, length)])
        assert found == content[start:][:length], (content, start, length)


def test_the_bucket_gets_rules_and_chunks_expire_where_there_is_no_cold_class(
    bucket: S3Config, request: pytest.FixtureRequest
) -> None:
    rules = BucketLifecycle(bucket)
    assert rules.put(RetentionDays(30, 7, "GLACIER_IR")) is False
    shown = {rule["Filter"]["Prefix"]: rule for rule in rules.fetch()}
    assert shown["batches/"]["Expiration"]["Days"] == 30
    assert shown["chunks/"]["Expiration"]["Days"] == 7
    given_up = [rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation") for rule in shown.values()]
    by_itself = request.node.callspec.params["server"] == "minio"  # after a day, without a rule
    assert given_up == ([None, None] if by_itself else [1, 1])
    assert "dead/" not in shown


@pytest.mark.parametrize("url", ["s3://", "s3://bucket/path", "s3://bucket?endpont=http://x"])
def test_an_address_that_is_none_is_refused_in_words(url: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a bucket"):
        s3_config(url, None, None)


def test_half_a_pair_of_keys_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="belong together"):
        s3_config("s3://bucket", "key", None)
