"""Secrets kept in the data folder: made once, whole or not at all, and refused when damaged."""

from pathlib import Path

import pytest

from integrahub.domain.errors import ConfigurationError
from integrahub.hub import pepper
from integrahub.settings import Settings


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "kept")
    made = pepper(settings)
    assert len(made) >= 32 and pepper(settings) == made
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["pepper.key"]
    assert (tmp_path / "kept" / "pepper.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00", b"one\x00two", b"one\ntwo"])
def test_a_damaged_secret_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pepper.key").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"pepper\.key is empty or damaged"):
        pepper(Settings(data_dir=tmp_path))
    assert (tmp_path / "pepper.key").read_bytes() == content


def test_a_secret_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be read or made"):
        pepper(Settings(data_dir=tmp_path / "file" / "kept"))
