"""Advice about packages of extras."""

from pathlib import Path

import pytest

from integrahub.domain.errors import ConfigurationError
from integrahub.hub.adapters import require_extra

_ROOT = Path(__file__).parents[3]


def test_a_missing_extra_names_the_command_that_installs_it_from_the_repository() -> None:
    advice = r"confluent_kafka is not installed.*pip install -e '\.\[kafka\]'"
    with pytest.raises(ConfigurationError, match=advice), require_extra("kafka"):
        raise ModuleNotFoundError("No module named 'confluent_kafka'", name="confluent_kafka")


def test_no_text_advises_to_install_the_package_from_an_index() -> None:
    folders = [_ROOT / name for name in ("src", "docs", "deploy")]
    files = [*_ROOT.glob("*.md"), *(file for folder in folders for file in folder.rglob("*"))]
    texts = {file: file.read_text("utf-8") for file in files if file.suffix in (".py", ".md", ".yaml")}
    assert len(texts) > 500
    assert [file.name for file, text in texts.items() if "pip install 'integrahub" in text] == []
