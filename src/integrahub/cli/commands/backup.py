"""`integrahub backup` and `integrahub restore`: copies of an embedded hub."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer

from integrahub.operations.verify import Verification
from integrahub.secrets.local import SECRETS_FOLDER, read_operator_key
from integrahub.settings.model import Settings
from integrahub.tools.backup.backup import SECRETS, BackupResult, Report, list_secrets_in_settings, make_backup
from integrahub.tools.backup.files import file_name
from integrahub.tools.backup.manifest import Manifest, read_key, read_manifest
from integrahub.tools.backup.restore import Restoration, restore_backup, verify_restored
from integrahub.tools.terminal.output import notify, say, show_json, show_rows
from integrahub.tools.terminal.progress import percent_bars

_PRIVATE = 0o077  # umask: the copies hold all that the hub holds
_COLUMNS = ("cnpj", "batches", "judged", "unjudged", "found")
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="folder of the backup")]
Data = Annotated[Path | None, typer.Option(metavar="DIR", help="data folder of the hub")]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", metavar="FILE", help="file with the key that encrypts the backup")
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of text")]


def backup(folder: Folder, data: Data = None, key_file: KeyFile = None, as_json: AsJson = False) -> int:
    """Back up an embedded hub to a new folder, also while it runs.

    Example: integrahub backup /backup/2026-11-28 --key-file /secure/backup.key
    """
    os.umask(_PRIVATE)
    settings, key = _settings(data), read_key(key_file) if key_file else None
    with _reporting() as report:
        result = asyncio.run(make_backup(settings, folder, key, report))
    if as_json:
        show_json(_facts(result.manifest))
    else:
        _show_backup(result, settings)
    return 0


def restore(
    folder: Folder,
    data: Data = None,
    key_file: KeyFile = None,
    secrets: Annotated[
        Path | None, typer.Option(metavar="FILE", help="file with the secrets, if it is not in the backup's folder")
    ] = None,
    without_secrets: Annotated[
        bool, typer.Option("--without-secrets", help="restore no secrets: every API key becomes invalid")
    ] = False,
    without_verify: Annotated[
        bool, typer.Option("--without-verify", help="do not verify the catalogues, to start a large hub sooner")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Restore a backup in an empty data folder, and verify every catalogue. Exit code 1 if one differs.

    Example: integrahub restore /backup/2026-11-28 --data ./restored --key-file /secure/backup.key
    """
    if secrets and without_secrets:
        raise typer.BadParameter("choose --secrets FILE or --without-secrets", param_hint="--without-secrets")
    os.umask(_PRIVATE)
    settings, key = _settings(data), read_key(key_file) if key_file else None
    manifest = read_manifest(folder)
    stored = folder / file_name(SECRETS, is_sealed=manifest.sealed is not None)
    wanted = Restoration(folder, key, None if without_secrets else secrets or stored)
    found: dict[str, Verification] = {}
    with _reporting() as report:
        asyncio.run(_restore(settings, wanted, report, None if without_verify else found.__setitem__))
    _show_restoration(manifest, settings, None if without_verify else found, as_json=as_json)
    return 1 if any(one.found for one in found.values()) else 0


async def _restore(
    settings: Settings, wanted: Restoration, report: Report, add: Callable[[str, Verification], None] | None
) -> None:
    await restore_backup(settings, wanted, report)
    if add:
        await verify_restored(settings, report, add)


def _settings(data: Path | None) -> Settings:
    settings = Settings()
    return settings.model_copy(update={"data_dir": data}) if data else settings


@contextmanager
def _reporting() -> Iterator[Report]:
    """Show a bar for each kind of work."""
    with percent_bars() as progress:
        tasks = {}

        def report(kind: str, done: int, total: int | None) -> None:
            if kind not in tasks:
                tasks[kind] = progress.add_task(kind, total=None)
            progress.update(tasks[kind], completed=done, total=total)

        yield report


def _facts(manifest: Manifest) -> dict[str, object]:
    return {
        "version": manifest.version,
        "covers_until": manifest.covers_until.isoformat(),
        "seconds": (manifest.ended_at - manifest.started_at).total_seconds(),
        "encrypted": manifest.sealed is not None,
        "bytes": {file.name: file.size for file in manifest.files},
    }


def _moment(manifest: Manifest) -> str:
    return f"{manifest.covers_until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _show_backup(result: BackupResult, settings: Settings) -> None:
    manifest, folder = result.manifest, result.folder
    say(f"The backup holds all that was acknowledged before {_moment(manifest)}.", "green")
    for file in manifest.files:
        say(f"  {folder / file.name}: {file.size:,} bytes")
    if result.objects is None:
        notify("The objects are in a bucket, so they are not part of this backup: keep its versions or a replica.")
    if manifest.sealed is None:
        notify("The backup is not encrypted. Use --key-file, or keep it where only you can read it.")
    secrets = folder / file_name(SECRETS, is_sealed=manifest.sealed is not None)
    notify(f"Keep {secrets} (pepper, receipt key, certificates) apart from the rest, in the store for passwords.")
    if names := list_secrets_in_settings(settings):
        notify(f"Secrets in settings are in no file of the backup; keep them yourself: {', '.join(names)}.")


def _show_restoration(
    manifest: Manifest, settings: Settings, found: dict[str, Verification] | None, *, as_json: bool
) -> None:
    """Show the check of each catalogue; `found` is None if there was none."""
    rows = [
        {"cnpj": cnpj} | {name: getattr(one, name) for name in _COLUMNS[1:]}
        for cnpj, one in sorted((found or {}).items())
    ]
    if as_json:
        show_json(_facts(manifest) | {"is_verified": found is not None, "pharmacies": rows})
        return
    say(f"Restored in {settings.data_dir.absolute()}: all that was acknowledged before {_moment(manifest)}.")
    _say_operator_key(settings)
    if found is None:
        notify("The catalogues were not verified. Run `integrahub verify CNPJ` for some of them.")
        return
    show_rows(rows, _COLUMNS, empty="No catalogue was ever applied.")
    if any(one.found for one in found.values()):
        say("Some catalogues differ from their bodies. Post a FULL to correct them, and report this.", "red")
    else:
        say(f"Every catalogue equals its bodies: {len(rows)} pharmacies.", "green")


def _say_operator_key(settings: Settings) -> None:
    """Say what becomes of the operator's key, if only its hash was restored."""
    hashed = settings.data_dir / SECRETS_FOLDER / "admin.hmac"
    if hashed.exists() and not read_operator_key(settings.data_dir) and not settings.admin_api_key:
        notify(
            "Of the operator's key the backup has only the hash: the key that you have stays valid. If it is lost, "
            f"remove {hashed}, and the next start prints a new one."
        )
