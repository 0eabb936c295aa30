"""AWS Secrets Manager. Imported only when chosen; region and credentials by the chain of AWS."""

import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from integrahub.secrets.base import DatabaseCredentials, SecretUnavailable, as_login, as_settings

# Two tries: fifteen seconds and a short pause at most.
_PATIENCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})


class AwsSecrets:
    """The keeper's port over secrets that are JSON objects; `name` holds the settings (a name or an ARN)."""

    def __init__(self, name: str) -> None:
        self._name = name
        try:
            self._client = boto3.client("secretsmanager", config=_PATIENCE)
        except BotoCoreError as error:
            raise SecretUnavailable(f"AWS Secrets Manager cannot be asked: {error} Set AWS_REGION.") from error

    def values(self) -> dict[str, str]:
        """Settings by name."""
        return as_settings(self._read(self._name), self._name)

    def credentials(self, name: str) -> DatabaseCredentials:
        """The secret's `username` and `password`, as its rotation last set them."""
        return as_login(self._read(name), name)

    def invalidate(self) -> None:
        """Nothing is remembered."""

    def _read(self, name: str) -> Any:
        try:
            return json.loads(self._client.get_secret_value(SecretId=name)["SecretString"])
        except (ClientError, BotoCoreError) as error:
            raise SecretUnavailable(f"The secret {name} could not be read from AWS Secrets Manager: {error}") from error
        except (KeyError, ValueError):
            raise SecretUnavailable(f"The secret {name} of AWS Secrets Manager is no JSON text.") from None
