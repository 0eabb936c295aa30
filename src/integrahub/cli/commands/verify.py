"""`integrahub verify`: compare a catalogue with the one rebuilt from its stored bodies."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from integrahub.cli.offline_database import open_offline_database
from integrahub.db.tenancy import DatabaseRole
from integrahub.db.urls import shown_database
from integrahub.domain.pharmacies import parse_cnpj
from integrahub.hub.bootstrap import open_hub
from integrahub.operations.verify import Verification
from integrahub.settings.model import Settings
from integrahub.tools.terminal.output import say, show_json, show_rows
from integrahub.tools.terminal.progress import bars

_COLUMNS = ("product_id", "finding", "columns")


def verify(
    cnpj: Annotated[str, typer.Argument(help="CNPJ of the pharmacy")],
    data: Annotated[Path | None, typer.Option(help="data folder of the hub")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of text")] = False,
) -> int:
    """Rebuild a catalogue from its stored bodies and compare it with the table. Exit code 1 if they differ.

    Example: integrahub verify 05927228000145
    """
    settings = Settings()
    settings = settings.model_copy(update={"data_dir": data}) if data else settings
    try:
        parsed = parse_cnpj(cnpj, verify=settings.verify_cnpj)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="CNPJ") from None
    verification = asyncio.run(_verify(settings, parsed))
    if as_json:
        show_json(msgspec.to_builtins(verification))
    else:
        say(f"Read {shown_database(settings.database_url) if settings.database_url else settings.data_dir.absolute()}.")
        _show(verification)
    return 1 if verification.found else 0


async def _verify(settings: Settings, cnpj: str) -> Verification:
    async with (
        open_offline_database(settings) as opened,
        open_hub(opened, "integrahub verify", DatabaseRole.WORKER) as hub,
    ):
        with bars() as progress:
            task = progress.add_task("reading batches", total=None)
            return await hub.verify()(cnpj, lambda done, total: progress.update(task, completed=done, total=total))


def _show(verification: Verification) -> None:
    read, total = verification.batches, verification.all_batches
    expired = "" if read == total else f" {total - read} batches were not read: their bodies have expired."
    say(f"{read} of {total} batches read again, {verification.judged} products compared.{expired}")
    if verification.unjudged:
        say(f"{verification.unjudged} products cannot be compared: the stored bodies lack some of their columns.")
    if not verification.found:
        say("The table equals the bodies.", "green")
        return
    say(f"{verification.found} products differ. Post a FULL to correct them, and report this.", "red")
    rows = [msgspec.to_builtins(difference) for difference in verification.differences]
    show_rows(rows, _COLUMNS, as_json=False, empty="")
