"""AWS Secrets Manager, with region and credentials from the AWS chain. Imported only if SECRETS names it."""

import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from integrahub.secrets.base import DatabaseCredentials, SecretUnavailable, parse_credentials, parse_settings

# Two attempts take at most fifteen seconds.
_CLIENT_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})


class AwsSecrets:
    """Secrets that are JSON objects. The secret `name` (a name or an ARN) holds the settings."""

    def __init__(self, name: str) -> None:
        self._name = name
        try:
            self._client = boto3.client("secretsmanager", config=_CLIENT_CONFIG)
        except BotoCoreError as error:
            raise SecretUnavailable(f"AWS Secrets Manager is not configured: {error} Set AWS_REGION.") from error

    def values(self) -> dict[str, str]:
        return parse_settings(self._read(self._name), self._name)

    def credentials(self, name: str) -> DatabaseCredentials:
        """Return `username` and `password` of a secret, as its rotation last set them."""
        return parse_credentials(self._read(name), name)

    def invalidate(self) -> None:
        """Do nothing: there is no cache."""

    def _read(self, name: str) -> Any:
        try:
            return json.loads(self._client.get_secret_value(SecretId=name)["SecretString"])
        except (ClientError, BotoCoreError) as error:
            raise SecretUnavailable(f"The secret {name} could not be read from AWS Secrets Manager: {error}") from error
        except (KeyError, ValueError):
            raise SecretUnavailable(f"The secret {name} in AWS Secrets Manager is not a JSON object.") from None
