"""Errors of backups, as sentences for the operator."""

from integrahub.domain.errors import IntegraHubError


class BackupRefused(IntegraHubError):
    """The backup or the restoration cannot begin."""


class BackupDamaged(IntegraHubError):
    """A file of the backup is truncated or was changed."""
