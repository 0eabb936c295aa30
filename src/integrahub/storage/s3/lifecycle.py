"""Lifecycle rules of a bucket: expiration, transition to a cold storage class, abortion of unfinished uploads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from integrahub.domain.errors import Transient
from integrahub.storage.s3.config import S3Config
from integrahub.storage.s3.objects import create_session

_CLASS_UNSUPPORTED = {"NotImplemented", "InvalidStorageClass", "InvalidArgument", "MalformedXML", "InvalidRequest"}
Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """Days until bodies expire, and until chunks move to the storage class `cold`; chunks expire with their bodies."""

    bodies: int
    chunks: int
    cold: str

    def chunk_rule_with_cold_class(self) -> Rule:
        """Return the rule of chunks for a store with the cold class."""
        transitions = [{"Days": self.chunks, "StorageClass": self.cold}]
        return {"Transitions": transitions, "Expiration": {"Days": max(self.bodies, self.chunks + 1)}}

    def chunk_rule_without_cold_class(self) -> Rule:
        """Return the rule of chunks for a store without it: they expire instead of moving."""
        return {"Expiration": {"Days": self.chunks}}


class BucketLifecycle:
    """The lifecycle rules of one bucket. `dead/` has none: its objects wait for an operator."""

    def __init__(self, config: S3Config) -> None:
        self._bucket = config.bucket
        style = "path" if config.path_style else "virtual"
        configuration = Config(s3={"addressing_style": style}, connect_timeout=5, read_timeout=20)
        self._client = create_session(config).client(
            "s3", endpoint_url=config.endpoint, config=configuration, verify=_ca_file(config)
        )

    def put(self, retention: RetentionDays) -> bool:
        """Set the rules. Return False if the store lacks the cold class, so chunks expire instead."""
        if self._try_put(retention, retention.chunk_rule_with_cold_class()):
            return True
        if not self._try_put(retention, retention.chunk_rule_without_cold_class()):
            raise Transient(f"The store of bucket {self._bucket} rejects lifecycle rules.")
        return False

    def fetch(self) -> list[Rule]:
        """Return the rules that the store has."""
        with _translate_errors():
            rules: list[Rule] = self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)["Rules"]
        return rules

    def _try_put(self, retention: RetentionDays, chunks: Rule) -> bool:
        rules = [
            _rule("bodies", "batches/", {"Expiration": {"Days": retention.bodies}}),
            _rule("chunks", "chunks/", chunks),
        ]
        try:
            with _translate_errors():
                self._client.put_bucket_lifecycle_configuration(
                    Bucket=self._bucket, LifecycleConfiguration={"Rules": rules}
                )
        except Transient as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and cause.response["Error"]["Code"] in _CLASS_UNSUPPORTED:
                return False
            raise
        return True


def _ca_file(config: S3Config) -> str | None:
    return str(config.authority) if config.authority else None


def _rule(name: str, prefix: str, actions: Rule) -> Rule:
    """Return a rule that also aborts unfinished uploads: MinIO rejects a rule that does only that."""
    unfinished = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    return {"ID": f"integrahub {name}", "Filter": {"Prefix": prefix}, "Status": "Enabled"} | actions | unfinished


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise Transient(f"S3: {error}") from error
