"""The pages on the database roles say what the schema grants."""

import psycopg

from tests.reference import roles, translations


def test_the_roles_are_described_as_they_are(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        grants = roles.read(connection)
    for part in translations.to_pair(roles.PAGE, "roles", grants.render):
        assert part.read() == part.expected(), "run `make reference`"
    texts = translations.list_texts([grants.render])
    assert {text for text, translation in translations.load_texts(roles.PAGE).items() if translation} == texts
