"""A release dates the changelog, sets every version and tags; tag, version and changelog agree."""

import subprocess
from datetime import date
from pathlib import Path

import pytest
from deploy.release.changelog import ReleaseError, date_section, find_late_entries, read_section
from deploy.release.check import check
from deploy.release.prepare import prepare
from deploy.release.version import PAGES, read_version

_DAY = date(2026, 11, 28)
_CHANGELOG = "# Changelog\n\n## Unreleased\n\n### Added\n\n- Bells.\n\n## 0.1.0 - 2026-01-02\n\n- Whistles.\n"


def _git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "t")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "t@example.org")
    manifest = tmp_path / "deploy/kubernetes/base/kustomization.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("images:\n  - {name: integrahub, newTag: 0.1.0}\n")
    package = tmp_path / "src/integrahub/__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text('"""Hub."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(_CHANGELOG)
    for page in PAGES:
        (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / page).write_text("git checkout v0.1.0\npip install ./integrahub-0.1.0-py3-none-any.whl\n")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "-m", "Begin")
    return tmp_path


def test_a_release_is_a_tagged_commit_in_which_all_agree(repository: Path) -> None:
    assert prepare(repository, "0.2.0", _DAY) == "v0.2.0"
    assert check(repository, "v0.2.0") == [] == check(repository)
    assert (read_version(repository), _git(repository, "status", "--porcelain")) == ("0.2.0", "")
    assert "newTag: 0.2.0}" in _git(repository, "show", "v0.2.0:deploy/kubernetes/base/kustomization.yaml")
    assert _git(repository, "show", f"v0.2.0:{PAGES[0]}").count("0.2.0") == 2
    changelog = _git(repository, "show", "v0.2.0:CHANGELOG.md")
    assert "## Unreleased\n\n## 0.2.0 - 2026-11-28\n" in changelog
    assert "Bells" in read_section(changelog, "0.2.0") and read_section(changelog, "Unreleased") == ""


@pytest.mark.parametrize(
    ("version", "reason"),
    [("0.1.0", "not newer"), ("0.0.9", "not newer"), ("1.0", "not a version"), ("v0.2.0", "not a version")],
)
def test_a_version_that_is_not_newer_or_none_is_refused_and_nothing_written(
    repository: Path, version: str, reason: str
) -> None:
    with pytest.raises(ReleaseError, match=reason):
        prepare(repository, version, _DAY)
    assert _git(repository, "status", "--porcelain") == ""


def test_a_tree_with_changes_and_a_released_version_are_refused(repository: Path) -> None:
    _git(repository, "tag", "v0.2.0")
    with pytest.raises(ReleaseError, match="exists"):
        prepare(repository, "0.2.0", _DAY)
    (repository / "new").write_text("")
    with pytest.raises(ReleaseError, match="has changes"):
        prepare(repository, "0.3.0", _DAY)


def test_a_release_without_entries_is_refused() -> None:
    with pytest.raises(ReleaseError, match="no entry"):
        date_section(_CHANGELOG.replace("### Added\n\n- Bells.\n", ""), "0.2.0", _DAY)


def test_another_tag_a_file_and_a_changelog_that_disagree_are_found(repository: Path) -> None:
    assert check(repository, "refs/tags/v0.1.0") == []
    assert [each.partition(":")[0] for each in check(repository, "v0.3.0")] == ["the tag"]
    (repository / "src/integrahub/__init__.py").write_text('__version__ = "0.2.0"\n')
    found = [each.partition(":")[0] for each in check(repository)]
    assert found == ["deploy/kubernetes/base/kustomization.yaml", *PAGES, "CHANGELOG.md"]


def test_a_tag_whose_changelog_cannot_be_read_is_an_error(repository: Path) -> None:
    _git(repository, "rm", "--quiet", "--cached", "CHANGELOG.md")
    _git(repository, "commit", "--quiet", "-m", "Lose the changelog")
    _git(repository, "tag", "v0.1.5")
    with pytest.raises(ReleaseError, match="v0"):
        check(repository)


def test_an_entry_added_to_a_released_section_is_found() -> None:
    late = _CHANGELOG.replace("- Whistles.\n", "- Whistles.\n- Late.\n")
    assert find_late_entries(late, {"0.1.0": _CHANGELOG}) == ["0.1.0: - Late."]
    assert find_late_entries(_CHANGELOG, {"0.1.0": _CHANGELOG}) == []
