"""Client library: post catalogues, follow batches, read results. It imports nothing else of the package."""

from integrahub.client.asynchronous.batch import AsyncBatch
from integrahub.client.asynchronous.client import AsyncClient
from integrahub.client.errors import ApiError, InvalidCatalogue, InvalidConfiguration, InvalidSignature
from integrahub.client.responses import Page
from integrahub.client.synchronous.batch import Batch
from integrahub.client.synchronous.client import Client
from integrahub.client.uploads import UploadListener
from integrahub.client.webhooks import verify_webhook

__all__ = [
    "ApiError",
    "AsyncBatch",
    "AsyncClient",
    "Batch",
    "Client",
    "InvalidCatalogue",
    "InvalidConfiguration",
    "InvalidSignature",
    "Page",
    "UploadListener",
    "verify_webhook",
]
