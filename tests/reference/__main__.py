"""`make reference`: write the generated parts of docs/reference and docs/why."""

import asyncio

import psycopg

from integrahub.db.schema.migrate import migrate
from tests.conftest import embedded_postgres
from tests.reference import PARTS, roles
from tests.reference.parts import Part


def main() -> None:
    """Write every part; that of the roles from a migrated database."""
    for part in PARTS:
        part.write()
    with embedded_postgres("ihub-reference-") as (_, url):
        asyncio.run(migrate(url))
        with psycopg.connect(url) as connection:
            Part(roles.PAGE, "roles", lambda: roles.render(connection)).write()


if __name__ == "__main__":
    main()
