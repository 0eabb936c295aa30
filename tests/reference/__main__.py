"""`make reference`: write the generated parts of docs/reference and docs/why, and their catalogues of translations."""

import asyncio

import psycopg

from integrahub.db.schema.migrate import migrate
from tests.conftest import embedded_postgres
from tests.reference import PARTS, TRANSLATED, roles, translations


def main() -> None:
    """Write every part; that of the roles from a migrated database."""
    for page, renders in TRANSLATED.items():
        _update(page, translations.list_texts(renders.values()))
    for part in PARTS:
        part.write()
    with embedded_postgres("ihub-reference-") as (_, url):
        asyncio.run(migrate(url))
        with psycopg.connect(url) as connection:
            grants = roles.read(connection)
    _update(roles.PAGE, translations.list_texts([grants.render]))
    for part in translations.to_pair(roles.PAGE, "roles", grants.render):
        part.write()


def _update(page: str, texts: set[str]) -> None:
    for text in translations.update(page, texts):
        print(f"{page}.po lacks: {text}")


if __name__ == "__main__":
    main()
