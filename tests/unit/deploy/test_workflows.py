"""Workflows say when, with what rights and where; what they do is a make target. Actions are named by commit."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.release.image import STAGING_ATTEMPTS, STAGING_RETRY_SECONDS
from deploy.rollout.platform import Role
from deploy.rollout.rollout import Limits

ROOT = Path(__file__).parents[3]
_FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
_PINNED = re.compile(r"^ *(?:- )?uses: (\$/\S+|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$")
_TARGET = re.compile(r"^((?:[a-z][a-z-]*[ ]?)+):(?!=)", re.MULTILINE)
# Secrets are used in the workflow that changes an environment, and named where it is called.
_WITH_SECRETS = {"deploy.yml", "rollback.yml", "image.yml", "release.yml"}
_SETUP_SECONDS = 15 * 60  # before the rollout; with the calls of kubectl that wait for nothing
_SECRETS = {"KUBECONFIG", "SMOKE_KEY"}


def _workflow(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


_ROLLOUT = _workflow(ROOT / ".github" / "workflows" / "deploy.yml")["jobs"]["rollout"]


def _jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in _FILES:
        for name, job in _workflow(path)["jobs"].items():
            yield f"{path.name}:{name}", job


def _steps() -> Iterator[tuple[str, dict[str, Any]]]:
    return ((name, step) for name, job in _jobs() for step in job.get("steps", []))


def test_every_command_is_a_make_target() -> None:
    targets = {name for line in _TARGET.findall((ROOT / "Makefile").read_text("utf-8")) for name in line.split()}
    commands = [(name, step["run"]) for name, step in _steps() if "run" in step]
    assert len(commands) > 10
    assert [each for each in commands if not re.fullmatch(r"make [a-z-]+", each[1])] == []
    assert [each for each in commands if each[1].removeprefix("make ") not in targets] == []


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_every_action_is_named_by_commit_with_its_version(path: Path) -> None:
    uses = [line for line in path.read_text("utf-8").splitlines() if re.match(r"^ *(- )?uses:", line)]
    assert uses and [line for line in uses if not _PINNED.match(line)] == []


def test_an_action_has_one_version() -> None:
    found: dict[str, set[str]] = {}
    for path in _FILES:
        for action, version in re.findall(r"uses: (\S+)@(\S+ # \S+)", path.read_text("utf-8")):
            found.setdefault(action, set()).add(version)
    assert len(found) > 5 and {action: each for action, each in found.items() if len(each) > 1} == {}


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_no_right_is_given_to_all_jobs_and_each_job_ends(path: Path) -> None:
    assert _workflow(path)["permissions"] == {}
    for job in _workflow(path)["jobs"].values():
        assert "permissions" in job and ("timeout-minutes" in job or "uses" in job)


def test_no_checkout_keeps_credentials() -> None:
    checkouts = [step for _, step in _steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) > 10 and all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_secrets_are_in_jobs_of_an_environment_that_run_the_rollout_alone() -> None:
    assert {path.name for path in _FILES if "secrets." in path.read_text("utf-8")} <= _WITH_SECRETS
    for name, job in _jobs():
        if "secrets." in str(job) and "uses" not in job:
            assert "environment" in job, name
            commands = {step["run"] for step in job["steps"] if "run" in step}
            assert commands == {"make rollout"}, name


def test_a_caller_of_the_rollout_names_its_secrets_and_gives_no_right_to_write() -> None:
    called = _workflow(ROOT / ".github" / "workflows" / "deploy.yml")
    assert set(called[True]["workflow_call"]["secrets"]) == _SECRETS  # YAML reads `on` as true
    callers = [job for _, job in _jobs() if job.get("uses", "").endswith("/deploy.yml")]
    assert len(callers) == 3  # staging, production, rollback
    for job in callers:
        assert job["secrets"] == {name: f"${{{{ secrets.{name} }}}}" for name in _SECRETS}
        assert set(job["permissions"].values()) == {"read"}


def test_a_rollout_has_time_for_its_rollback() -> None:
    longest = Limits().longest(migrates=True)
    assert _ROLLOUT["timeout-minutes"] * 60 > longest + _SETUP_SECONDS and longest > Limits().longest(migrates=False)
    assert Limits(ready=700).longest(migrates=True) == longest + 2 * len(Role) * 100


def test_a_rollback_runs_the_program_of_this_checkout_on_the_manifests_of_the_tag() -> None:
    checkouts = [step for step in _ROLLOUT["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    found = [(each.get("if"), each["with"].get("ref"), each["with"].get("path")) for each in checkouts]
    assert found == [(None, None, None), ("inputs.ref", "${{ inputs.ref }}", "old")]
    (given,) = [step["env"] for step in _ROLLOUT["steps"] if step.get("run") == "make rollout"]
    assert given["ROLLOUT_COMMAND"] == "${{ inputs.ref && 'rollback' || 'deploy' }}"
    assert "inputs.ref && format('old/{0}', vars.OVERLAY || 'deploy/kubernetes/keda')" in given["ROLLOUT_OVERLAY"]


def test_the_name_of_an_image_reaches_a_registry_in_lower_case_only() -> None:
    for name, step in _steps():  # the programs of deploy/ lower what they read from their environment
        given = str(step.get("with", {}))
        assert "env.IMAGE" not in given and "ghcr.io/${{ github.repository }}" not in given, name


def test_two_rollouts_to_an_environment_wait_for_each_other() -> None:
    groups = [job["concurrency"] for _, job in _jobs() if "make roll" in str(job)]
    assert groups == [{"group": "deploy-${{ inputs.environment }}", "cancel-in-progress": False}] * len(groups)


def test_a_release_has_time_to_wait_for_staging() -> None:
    job = _workflow(ROOT / ".github" / "workflows" / "release.yml")["jobs"]["digest"]
    assert job["timeout-minutes"] * 60 > STAGING_ATTEMPTS * STAGING_RETRY_SECONDS


def test_updates_of_actions_and_images_wait_a_week() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf-8"))["updates"]
    assert {each["package-ecosystem"] for each in updates} == {"github-actions", "docker", "docker-compose"}
    assert all(each["cooldown"]["default-days"] >= 7 for each in updates)
