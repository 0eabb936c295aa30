"""`integrahub verify`: whether the table holds what the stored bodies say."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from integrahub.cli.offline_database import kept_database
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.pharmacies import parse_cnpj
from integrahub.hub.bootstrap import open_hub
from integrahub.settings.model import Settings
from integrahub.tools.terminal.output import say, show_json, show_rows
from integrahub.tools.terminal.progress import bars

Row = dict[str, Any]


def verify(
    cnpj: Annotated[str, typer.Argument(help="whose catalogue")],
    data: Annotated[Path | None, typer.Option(help="the hub's folder")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text")] = False,
) -> int:
    """Rebuild a catalogue from its stored bodies and compare it with the table. Exit code 1 when they differ.

    Example: integrahub verify 05927228000145
    """
    settings = Settings()
    settings = settings.model_copy(update={"data_dir": data}) if data else settings
    try:
        known = parse_cnpj(cnpj, verify=settings.verify_cnpj)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="CNPJ") from None
    verdict = asyncio.run(_verify(settings, known))
    if as_json:
        show_json(verdict)
    else:
        _show(verdict)
    return 1 if verdict["found"] else 0


async def _verify(settings: Settings, cnpj: str) -> Row:
    async with kept_database(settings) as kept, open_hub(kept, "integrahub verify", DatabaseRole.WORKER) as hub:
        with bars() as progress:
            task = progress.add_task("reading batches", total=None)
            result = await hub.verify()(cnpj, lambda done, total: progress.update(task, completed=done, total=total))
    return dict(msgspec.to_builtins(result))


def _show(verdict: Row) -> None:
    read, known = verdict["batches"], verdict["all_batches"]
    gone = "" if read == known else f" The bodies of earlier ones are gone: {known - read} batches were not read."
    say(f"{read} of {known} batches read again, {verdict['judged']} products compared.{gone}")
    if verdict["unjudged"]:
        say(f"{verdict['unjudged']} products cannot be judged: what is kept does not tell all of their columns.")
    if not verdict["found"]:
        say("The table holds what the bodies say.", "green")
        return
    say(f"{verdict['found']} products differ. Post a FULL to put them right, and report this.", "red")
    show_rows(verdict["differences"], ["product_id", "finding", "columns"], as_json=False, empty="")
