"""Secrets in the data folder: created once and atomically, refused when damaged."""

import os
from pathlib import Path

import pytest

from integrahub.domain.api_keys import hash_key
from integrahub.domain.errors import ConfigurationError
from integrahub.hub.local_secrets import load_pepper, load_secrets
from integrahub.secrets.local import OperatorKey, print_new_key, read_operator_key
from integrahub.secrets.secret_files import load_or_create_secret
from integrahub.settings.model import Settings


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "kept")
    made = load_pepper(settings)
    assert len(made) >= 32 and load_pepper(settings) == made
    assert [path.name for path in (tmp_path / "kept").rglob("*")] == ["secrets", "pepper.key"]
    assert (tmp_path / "kept" / "secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "kept" / "secrets" / "pepper.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00", b"one\x00two", b"one\ntwo"])
def test_a_damaged_secret_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pepper.key").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"pepper\.key is empty or damaged"):
        load_pepper(Settings(data_dir=tmp_path))
    assert (tmp_path / "secrets" / "pepper.key").read_bytes() == content


def test_a_secret_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be read or made"):
        load_pepper(Settings(data_dir=tmp_path / "file" / "kept"))


def test_the_operators_key_is_shown_once_and_kept_as_its_hash(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    spice, made, _ = load_secrets(settings)
    assert made.text and made.digest == hash_key(made.text, spice)
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert made.text not in kept and made.text.rpartition("_")[2] not in kept
    assert made.text not in repr(made)
    assert load_secrets(settings)[1] == OperatorKey(made.digest)
    assert read_operator_key(tmp_path) == ""


def test_a_lost_operators_key_is_replaced_by_removing_its_hash(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = load_secrets(settings)[1]
    (tmp_path / "secrets" / "admin.hmac").unlink()
    second = load_secrets(settings)[1]
    assert second.text and second.digest != first.digest


def test_a_key_kept_for_development_is_found_and_goes_when_it_is_not_to_be_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keeping = Settings(data_dir=tmp_path, keep_admin_key=True)
    made = load_secrets(keeping)[1]
    assert read_operator_key(tmp_path) == made.text
    print_new_key(made)
    shown = capsys.readouterr().out
    assert f"also kept in {tmp_path / 'secrets' / 'admin.key'}" in shown and "shown only once" not in shown
    assert (tmp_path / "secrets" / "admin.key").stat().st_mode & 0o777 == 0o600
    assert load_secrets(keeping)[1] == OperatorKey(made.digest)
    assert load_secrets(Settings(data_dir=tmp_path))[1] == OperatorKey(made.digest)
    assert not (tmp_path / "secrets" / "admin.key").exists()


def test_secrets_of_an_earlier_version_go_on_working_from_their_new_place(tmp_path: Path) -> None:
    (tmp_path / "pepper.key").write_text("spice-of-an-earlier-version")
    (tmp_path / "admin.key").write_text("key-of-an-earlier-version")
    assert read_operator_key(tmp_path) == "key-of-an-earlier-version"
    spice, found, _ = load_secrets(Settings(data_dir=tmp_path))
    assert spice == b"spice-of-an-earlier-version"
    assert found == OperatorKey(hash_key("key-of-an-earlier-version", spice), "key-of-an-earlier-version")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["admin.hmac", "pepper.key", "secrets"]
    assert load_secrets(Settings(data_dir=tmp_path))[1] == OperatorKey(found.digest)


def test_a_secret_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed, fsync = list[tuple[int, bool]](), os.fsync
    kept = tmp_path / "kept.key"

    def noted(descriptor: int) -> None:
        flushed.append((os.fstat(descriptor).st_size, kept.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    made = load_or_create_secret(kept)
    assert flushed == [(len(made), False)] and [path.name for path in tmp_path.iterdir()] == ["kept.key"]
