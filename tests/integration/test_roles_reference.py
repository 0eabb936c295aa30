"""The page on the database roles says what the schema grants."""

import psycopg

from tests.reference import roles
from tests.reference.parts import Part


def test_the_roles_are_described_as_they_are(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        part = Part(roles.PAGE, "roles", lambda: roles.render(connection))
        assert part.read() == part.expected(), "run `make reference`"
