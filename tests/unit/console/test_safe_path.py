"""Where a sign-in may lead."""

import pytest

from integrahub.console.pages.people_sign_in import safe_path


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/console/batches?q=a&status=FAILED", "/console/batches?q=a&status=FAILED"),
        ("/console", "/console"),
        ("/console/search?q=dipirona 500", "/console/search?q=dipirona%20500"),
        ("//evil.example/console", ""),
        ("https://evil.example/console/", ""),
        ("/consoles", ""),
        ("/console/\\evil.example", ""),
        ("/console/\r\nSet-Cookie: a=b", ""),
        ("/console/login?next=/console", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_a_sign_in_leads_to_pages_of_the_console_alone(target: str, expected: str) -> None:
    assert safe_path(target) == expected
