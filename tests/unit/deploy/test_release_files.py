"""Packages are the same twice, the image keeps one digest, the bill of materials is whole, a release is final."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from deploy.release.changelog import ReleaseError
from deploy.release.image import Image
from deploy.release.package import compare, pack
from deploy.release.publish import publish
from deploy.release.sbom import complete

_DIGEST, _OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
_COMMIT = "c" * 40
_ENVIRONMENT = {"IMAGE": "ghcr.io/Owner/integrahub", "DIGEST": _DIGEST, "GITHUB_SHA": _COMMIT}


class Recorder:
    """Record the commands that a release runs, and answer them. `fails` counts failures before the first answer."""

    def __init__(self, answer: str = "", fails: int = 0) -> None:
        self.commands: list[tuple[str, ...]] = []
        self.answer, self.fails = answer, fails
        self.notes = ""

    def __call__(self, *command: str) -> str:
        """Record a command and the notes that it reads, and return the answer."""
        self.commands.append(command)
        if "--notes-file" in command:
            self.notes = Path(command[command.index("--notes-file") + 1]).read_text("utf-8")
        if self.fails:
            self.fails -= 1
            raise ReleaseError("not found")
        return self.answer


def _image(tmp_path: Path, run: Callable[..., str], **environment: str) -> Image:
    output = {"GITHUB_OUTPUT": str(tmp_path / "output")}
    return Image(_ENVIRONMENT | output | environment, run, tmp_path / "digests", lambda _: None)


def test_the_index_holds_one_digest_per_architecture(tmp_path: Path) -> None:
    run = Recorder(json.dumps({"digest": _OTHER}))
    _image(tmp_path, run).keep()
    with pytest.raises(ReleaseError, match="has 1 digests"):
        _image(tmp_path, run).index()
    _image(tmp_path, run, DIGEST=_OTHER).keep()
    _image(tmp_path, run).index()
    name = "ghcr.io/owner/integrahub"
    assert run.commands[0][-2:] == (f"{name}@{_DIGEST}", f"{name}@{_OTHER}")
    assert (tmp_path / "output").read_text() == f"digest={_OTHER}\nname={name}\n"


def test_production_gets_the_digest_that_staging_ran_and_waits_for_it(tmp_path: Path) -> None:
    run = Recorder(json.dumps({"digest": _DIGEST}))
    _image(tmp_path, run).mark()
    waits = Recorder(run.answer, fails=3)
    _image(tmp_path, waits).ran()
    marked = run.commands[0][run.commands[0].index("--tag") + 1]
    assert marked == f"ghcr.io/owner/integrahub:staging-{_COMMIT}" == waits.commands[-1][4]
    assert (tmp_path / "output").read_text() == f"digest={_DIGEST}\n"
    with pytest.raises(ReleaseError, match="Staging ran no image"):
        _image(tmp_path, Recorder(fails=1000)).ran()


@pytest.mark.parametrize("digest", ["", "latest", "sha256:abc", f"{_DIGEST} --yes"])
def test_a_name_that_is_no_digest_is_not_signed(tmp_path: Path, digest: str) -> None:
    run = Recorder()
    with pytest.raises(ReleaseError, match="DIGEST"):
        _image(tmp_path, run, DIGEST=digest).sign()
    assert run.commands == []


def test_a_pack_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    first = pack(tmp_path, ["a"])
    (tmp_path / "a").touch()
    assert pack(tmp_path, ["a"]) == first
    (tmp_path / "a").write_text("b")
    assert pack(tmp_path, ["a"]) != first


def test_builds_that_differ_are_refused(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "hub.whl").write_text("same")
    one, other = ([tmp_path / folder / "hub.whl"] for folder in ("one", "other"))
    compare(one, other)
    with pytest.raises(ReleaseError, match=r"differ: hub\.whl"):
        compare(one, [])
    other[0].write_text("else")
    with pytest.raises(ReleaseError, match=r"differ: hub\.whl"):
        compare(one, other)


def test_a_bill_of_materials_names_the_hub_and_every_package() -> None:
    bill = {"metadata": {"component": {"name": "integrahub"}}, "components": [{"name": "ruamel.yaml"}]}
    assert complete(bill, "1.2.3", ["ruamel_yaml", "pip"])["metadata"]["component"]["version"] == "1.2.3"
    with pytest.raises(ReleaseError, match="lacks msgspec"):
        complete(bill, "1.2.3", ["ruamel.yaml", "msgspec"])


def test_a_release_has_every_file_and_is_final(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "hub.whl").write_text("")
    (tmp_path / "CHANGELOG.md").write_text(
        "## 0.2.0 - 2026-11-28\n\n- Bells,\n  as [shown](docs/a.md#b).\n- [One](https://x.org).\n"
    )
    github = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "Owner/integrahub"}
    environment = _ENVIRONMENT | github | {"TAG": "v0.2.0"}
    run = Recorder('{"isImmutable": true}')
    publish(tmp_path, environment, run)
    verbs = [command[2] for command in run.commands]
    assert verbs == ["create", "edit", "view"]
    assert "--draft" in run.commands[0] and run.commands[0][-1].endswith("hub.whl")
    address = "https://github.example/Owner/integrahub/blob/v0.2.0/docs"
    assert f"[How to verify it]({address}/howto/verify-release.md)\n" in run.notes
    assert f"- Bells, as [shown]({address}/a.md#b).\n- [One](https://x.org).\n" in run.notes
    with pytest.raises(ReleaseError, match="can be changed"):
        publish(tmp_path, environment, Recorder('{"isImmutable": false}'))
    with pytest.raises(ReleaseError, match="no section"):
        publish(tmp_path, environment | {"TAG": "v0.9.0"}, run)
