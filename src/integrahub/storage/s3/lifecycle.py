"""A bucket's own rules of retention: what it expires, what it moves to a colder class, what uploads it gives up."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from integrahub.domain.errors import Transient
from integrahub.storage.s3.config import S3Config
from integrahub.storage.s3.objects import session

_NO_SUCH_CLASS = {"NotImplemented", "InvalidStorageClass", "InvalidArgument", "MalformedXML", "InvalidRequest"}
Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """Days: bodies, and chunks with them, end after `bodies`; chunks go to the storage class `cold` after `chunks`."""

    bodies: int
    chunks: int
    cold: str

    def colder(self) -> Rule:
        """What becomes of chunks where the store has a cold class."""
        moved = [{"Days": self.chunks, "StorageClass": self.cold}]
        return {"Transitions": moved, "Expiration": {"Days": max(self.bodies, self.chunks + 1)}}

    def shorter(self) -> Rule:
        """What becomes of them where it has none."""
        return {"Expiration": {"Days": self.chunks}}


class BucketLifecycle:
    """The rules of one bucket. `dead/`, work that waits for a person and is put in one piece, has none."""

    def __init__(self, place: S3Config) -> None:
        self._bucket = place.bucket
        style = "path" if place.path_style else "virtual"
        configuration = Config(s3={"addressing_style": style}, connect_timeout=5, read_timeout=20)
        self._client = session(place).client(
            "s3", endpoint_url=place.endpoint, config=configuration, verify=_trust(place)
        )

    def put(self, keeping: RetentionDays) -> bool:
        """Set the rules; True when the store has the cold class, False when chunks expire instead."""
        if self._taken(keeping, keeping.colder()):
            return True
        if not self._taken(keeping, keeping.shorter()):
            raise Transient(f"The store of the bucket {self._bucket} takes no rules of retention.")
        return False

    def shown(self) -> list[Rule]:
        """The rules as the store has them."""
        with _asking():
            rules: list[Rule] = self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)["Rules"]
        return rules

    def _taken(self, keeping: RetentionDays, chunks: Rule) -> bool:
        rules = [
            _rule("bodies", "batches/", {"Expiration": {"Days": keeping.bodies}}),
            _rule("chunks", "chunks/", chunks),
        ]
        try:
            with _asking():
                self._client.put_bucket_lifecycle_configuration(
                    Bucket=self._bucket, LifecycleConfiguration={"Rules": rules}
                )
        except Transient as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and cause.response["Error"]["Code"] in _NO_SUCH_CLASS:
                return False
            raise
        return True


def _trust(place: S3Config) -> str | None:
    return str(place.authority) if place.authority else None


def _rule(name: str, prefix: str, what: Rule) -> Rule:
    """One rule. It gives up unfinished uploads too: MinIO, which does so by itself, takes no rule of that alone."""
    unfinished = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    return {"ID": f"integrahub {name}", "Filter": {"Prefix": prefix}, "Status": "Enabled"} | what | unfinished


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise Transient(f"S3: {error}") from error
