"""Screenshots of the console on a hub filled with real records: `make screenshots` writes them into docs/images."""

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from integrahub.db.database import Database
from integrahub.db.schema.migrate import migrate
from integrahub.domain.people.roles import Role, Theme
from integrahub.monitoring.statistics import StatisticsCollector
from tests.conftest import Server, embedded_postgres
from tests.console.browser.chromium import find_chromium
from tests.console.browser.conftest import settings_of
from tests.console.browser.visit import visiting
from tests.console.live_hub import live_hub
from tests.console.pages import list_pages

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
#: Those that the READMEs show: path, theme and file.
SHOWN = (
    ("/console", Theme.LIGHT, "overview.png"),
    ("/console/pharmacies/{cnpj}/products/{product}", Theme.DARK, "product.png"),
)


async def _count_figures(url: str, folder: Path) -> None:
    """Count what the overview shows, as a worker does each minute."""
    database = Database(url, size=1)
    await database.open()
    try:
        await StatisticsCollector(database, folder, None)()
    finally:
        await database.close()


def main(folder: Path | None) -> None:
    """Write the screenshots of the READMEs; with a folder, every page in both themes and widths into it instead."""
    with embedded_postgres("ihub-screenshots-") as (_, url), tempfile.TemporaryDirectory() as data:
        asyncio.run(migrate(Server(url).url))
        with live_hub(settings_of(url, Path(data))) as hub, sync_playwright() as playwright:
            rename = "UPDATE pharmacies SET name = 'Farmácia Sol' WHERE cnpj = %s"  # of hostile text
            assert hub.console is not None
            hub.run(hub.console.run(rename, hub.names["cnpj"]))
            hub.run(_count_figures(Server(url).url, Path(data)))
            browser = playwright.chromium.launch(executable_path=find_chromium(playwright), args=["--no-sandbox"])
            shots = (
                SHOWN
                if folder is None
                else [
                    (page.path, theme, f"{number:02d}-{theme}.png")
                    for number, page in enumerate(list_pages())
                    for theme in (Theme.LIGHT, Theme.DARK)
                ]
            )
            target = folder or IMAGES
            target.mkdir(parents=True, exist_ok=True)
            for path, theme, name in shots:
                for width in (1280,) if folder is None else (1280, 390):
                    with visiting(browser, hub, Role.ADMIN, "pt-BR", theme, width=width) as visitor:
                        visitor.open(path)
                        file = target / (name if width == 1280 else f"narrow-{name}")
                        visitor.page.screenshot(path=file, full_page=True)
                        print(file, path, flush=True)
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None)
