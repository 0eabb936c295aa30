"""Rollouts to a cluster: what is rendered and applied, in which order, and what is restored. No cluster is needed."""

import json
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from deploy.rollout.kubernetes import Kubernetes, kubectl, plan_job, render, role_of
from deploy.rollout.platform import Reference, Role, RolloutError

ROOT = Path(__file__).parents[3]
_OVERLAY = ROOT / "deploy" / "kubernetes" / "keda"
_TARGET = Reference("ghcr.io/owner/integrahub", "ab" * 32)


@pytest.fixture(autouse=True)
def _kubectl(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(Path(sys.executable).parent)
    if shutil.which("kubectl", path=folder) is None:
        pytest.skip("there is no kubectl here")
    monkeypatch.setenv("PATH", folder, prepend=":")


@cache
def _rendered() -> list[dict[str, Any]]:
    return render(_OVERLAY, _TARGET)


def _name(found: dict[str, Any]) -> str:
    return f"{found['kind']}/{found['metadata']['name']}"


class Cluster:
    """Record what kubectl is given; render with the real one. `status` is that of every job."""

    def __init__(self, status: dict[str, Any] | None = None, fails: str = "") -> None:
        self.status = status or {"succeeded": 1}
        self.fails = fails
        self.calls: list[tuple[str, ...]] = []
        self.applied: list[list[str]] = []

    def __call__(self, *arguments: str, given: str = "") -> str:
        """Record a call and answer as a cluster that runs an older image."""
        if arguments[0] in ("kustomize", "annotate"):
            return kubectl(*arguments, given=given)
        verb = arguments[2:]
        self.calls.append(verb)
        if verb[0] == self.fails:
            raise RolloutError("AlreadyExists")
        if verb[0] == "apply":
            self.applied.append([_name(each) for each in json.loads(given)["items"]])
        if verb[0] == "get":
            if verb[1].startswith("job/"):
                return json.dumps({"status": self.status})
            old = {"containers": [{"image": "old"}]}
            found = next(each for each in _rendered() if _name(each).lower() == verb[1])
            return json.dumps({**found, "data": {"a": "old"}, "spec": {"template": {"spec": old}}})
        return ""


def _platform(cluster: Cluster) -> Kubernetes:
    platform = Kubernetes(_OVERLAY, "integrahub", cluster)
    assert platform.prepare(_TARGET) == ["old"]
    return platform


def test_every_container_runs_the_digest() -> None:
    pods = [each["spec"]["template"]["spec"] for each in _rendered() if role_of(each) or each["kind"] == "Job"]
    containers = [each for pod in pods for each in (*pod["containers"], *pod.get("initContainers", []))]
    assert len(containers) > 8 and {container["image"] for container in containers} == {str(_TARGET)}


def test_the_job_of_a_plan_runs_alone_and_changes_nothing() -> None:
    job = plan_job(next(each for each in _rendered() if each["kind"] == "Job"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert job["spec"]["template"]["spec"]["initContainers"] == []
    assert container["args"] == ["migrate", "--plan", "--json"]
    assert container["envFrom"][-1]["secretRef"]["name"] == "integrahub-migrate"


def test_settings_come_before_workers_the_api_and_the_console() -> None:
    cluster = Cluster()
    platform = _platform(cluster)
    platform.migrate(1)
    for role in Role:
        platform.roll(role)
    prepare, settings, workers, api, console = cluster.applied
    assert prepare == ["Job/integrahub-prepare"]
    assert "ConfigMap/integrahub" in settings
    assert not [each for each in settings if each.startswith(("Deployment", "StatefulSet", "Job"))]
    assert {"StatefulSet/integrahub-upsert", "Deployment/integrahub-split"} <= {*workers}
    assert (api, console) == (["Deployment/integrahub-api"], ["Deployment/integrahub-console"])
    assert sum(map(len, cluster.applied)) == len(_rendered())


def test_readiness_is_that_of_every_workload_and_restoring_sets_what_was_there() -> None:
    cluster = Cluster()
    platform = _platform(cluster)
    platform.wait_until_ready(Role.API, 5)
    assert cluster.calls[-1] == ("rollout", "status", "deployment/integrahub-api", "--timeout=5s")
    platform.restore(Role.API)
    patches = {call[1]: json.loads(call[-1]) for call in cluster.calls if call[0] == "patch"}
    assert patches["deployment/integrahub-api"][0]["path"] == "/spec/template"
    assert patches["configmap/integrahub"] == [{"op": "replace", "path": "/data", "value": {"a": "old"}}]


def test_a_job_that_fails_or_does_not_end_is_reported() -> None:
    failed = Cluster({"conditions": [{"type": "Failed", "status": "True"}]})
    with pytest.raises(RolloutError, match="integrahub-plan failed"):
        _platform(failed).plan(1)
    stuck = Cluster({"active": 1})
    with pytest.raises(RolloutError, match="did not end within 0 s and was deleted"):
        _platform(stuck).migrate(0)
    assert stuck.calls[-1][:2] == ("delete", "job/integrahub-prepare")


def test_one_lease_excludes_a_second_rollout_and_ends_with_the_first() -> None:
    cluster = Cluster()
    with Kubernetes(_OVERLAY, "integrahub", cluster).lock("a"):
        assert cluster.calls == [("create", "-f", "-")]
    assert cluster.calls[-1][:3] == ("delete", "lease", "integrahub-rollout")
    held = Cluster(fails="create")
    with pytest.raises(RolloutError, match="Another rollout"), Kubernetes(_OVERLAY, "integrahub", held).lock("b"):
        raise AssertionError
    assert held.calls == [("create", "-f", "-")]
    kept = Cluster(fails="delete")
    command = "kubectl -n integrahub delete lease"
    with pytest.raises(RolloutError, match=command), Kubernetes(_OVERLAY, "integrahub", kept).lock("c"):
        pass
