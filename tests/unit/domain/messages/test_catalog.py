"""Test the catalogue of messages: each code used has one, in both languages, with the same facts."""

import re
from pathlib import Path
from string import Formatter

from tests.error_codes import REFERENCES, render

import integrahub
from integrahub.domain.messages.catalog import MESSAGES
from integrahub.domain.webhooks.public_addresses import ADDRESS_KINDS
from integrahub.settings.model import Settings

_SOURCE = Path(integrahub.__file__).parent
_USES = re.compile(
    r"(?:BadRequest|Forbidden|NotFound|Conflict|PayloadTooLarge|UnsupportedMediaType|Unprocessable|Unauthorized"
    r"|BodyError|InvalidCnpj|HoldReason|BodyError|FirstRecord\(problem=)\(?\"([a-z_]+)\""
)


def _facts(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_tell_the_same_facts() -> None:
    assert {code for code, told in MESSAGES.items() if _facts(told.pt) != _facts(told.en)} == set()


def test_every_code_the_source_uses_has_a_sentence() -> None:
    used = {code for path in _SOURCE.rglob("*.py") for code in _USES.findall(path.read_text("utf-8"))}
    assert len(used) > 25
    assert used - MESSAGES.keys() == set()


def test_every_sentence_is_used() -> None:
    source = "".join(path.read_text("utf-8") for path in _SOURCE.rglob("*.py") if path.parent.name != "messages")
    by_policy = {"reads_limited"}  # `<policy>_limited`
    by_policy |= {f"webhook_address_{kind}" for kind in ADDRESS_KINDS}
    assert {code for code in MESSAGES if f'"{code}"' not in source} - by_policy == set()


def test_settings_are_named_as_in_the_environment() -> None:
    names = "|".join(name.upper() for name in Settings.model_fields if "_" in name)
    bare = re.compile(rf"(?<!INTEGRAHUB_)\b(?:{names})\b")
    assert {code for code, told in MESSAGES.items() if bare.search(told.pt + told.en)} == set()


def test_every_code_is_described_in_the_reference() -> None:
    for reference in REFERENCES:
        assert render(reference) == reference.page.read_text("utf-8"), "run `make error-codes`"
