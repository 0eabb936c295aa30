"""The data folder is closed to other accounts and ignored by git."""

import stat
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from integrahub.cli.diagnostics import dependencies as checks
from integrahub.settings.model import Settings
from integrahub.storage.private_folder import excess_mode, make_private_folder


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o700, 0o750])
def test_a_new_data_folder_is_for_those_it_is_made_for_alone(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "deep" / "data"
    make_private_folder(folder, mode)
    assert _mode(folder) == mode
    assert excess_mode(folder, mode) is None


def test_what_earlier_versions_left_open_is_closed_and_the_folder_itself_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "objects" / "batches").mkdir(parents=True)
    (folder / "mine").mkdir()
    (folder / "fleet.json").write_text("{}")
    for path in (folder, folder / "objects", folder / "mine"):
        path.chmod(0o755)
    (folder / "fleet.json").chmod(0o644)
    make_private_folder(folder)
    assert (_mode(folder / "objects"), _mode(folder / "fleet.json")) == (0o700, 0o600)
    assert (_mode(folder), _mode(folder / "mine")) == (0o755, 0o755)
    assert excess_mode(folder) == "0755"


def test_a_folder_with_its_link_to_a_place_elsewhere_leaves_that_place_as_it_is(tmp_path: Path) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    elsewhere.chmod(0o755)
    (folder := tmp_path / "data").mkdir()
    (folder / "objects").symlink_to(elsewhere)
    make_private_folder(folder)
    assert _mode(elsewhere) == 0o755


def test_git_ignores_a_data_folder_wherever_it_is(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    make_private_folder(tmp_path / "any-name")
    (tmp_path / "any-name" / "pepper.key").write_text("x")
    added = ["git", "-C", str(tmp_path), "add", "--dry-run", "--all"]
    assert subprocess.run(added, check=True, capture_output=True, text=True).stdout == ""


def test_a_mode_that_opens_the_folder_to_everybody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRAHUB_DATA_DIR_MODE", "0750")
    assert (Settings().data_dir_mode, Settings().umask) == (0o750, 0o027)
    for wide in ("0755", "0770", "488", "rwx"):
        monkeypatch.setenv("INTEGRAHUB_DATA_DIR_MODE", wide)
        with pytest.raises(ValidationError, match="expected 0700"):
            Settings()


def test_doctor_names_a_folder_that_others_can_list_with_the_command_that_closes_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(Exception, match=f"mode 0755.*chmod 700 '{tmp_path}'"):
        checks.check_data_folder(Settings(data_dir=tmp_path))
    tmp_path.chmod(0o750)
    assert str(tmp_path) in checks.check_data_folder(Settings(data_dir=tmp_path, data_dir_mode=0o750))
