"""Rollouts to a cluster: what is rendered and applied, in which order, and what is restored. No cluster is needed."""

import itertools
import json
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from deploy.rollout.kubernetes import Kubernetes, kubectl, plan_job, render, restorable, role_of
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


def _live(name: str) -> dict[str, Any]:
    """Return an object as the cluster has it: with an older image, older settings and what the server adds."""
    found = json.loads(json.dumps(next(each for each in _rendered() if _name(each).lower() == name)))
    if role_of(found):
        found["spec"]["template"]["spec"] = {"containers": [{"image": "old"}]}
    if found["kind"] == "ConfigMap":
        found["data"] = {"a": "old"}
    if found["kind"] == "Service":
        found["spec"]["ports"] = [{"port": 8}]
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(found)}
    found["metadata"] |= {"uid": "u", "resourceVersion": "7", "annotations": applied}
    found["status"] = {"observed": 1}
    if role_of(found):
        found["spec"]["replicas"] = 9  # of the autoscaler
        found["spec"]["template"]["spec"]["containers"][0]["image"] = "older"  # set by hand
    return found


class Cluster:
    """Record what kubectl is given; render with the real one. `status` is that of every job."""

    def __init__(self, status: dict[str, Any] | None = None, fails: str = "", lacks: tuple[str, ...] = ()) -> None:
        self.status = status or {"succeeded": 1}
        self.fails, self.lacks = fails, lacks
        self.objects: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, ...]] = []
        self.applied: list[list[str]] = []

    def __call__(self, *arguments: str, given: str = "", timeout: float = 0) -> str:
        """Record a call and answer as a cluster that runs an older image."""
        if arguments[0] in ("kustomize", "annotate"):
            return kubectl(*arguments, given=given)
        verb = arguments[2:]
        self.calls.append(verb)
        if verb[0] == self.fails:
            raise RolloutError("AlreadyExists")
        if verb[0] == "apply":
            self.applied.append([_name(each) for each in json.loads(given)["items"]])
            self.objects |= {_name(each).lower(): each for each in json.loads(given)["items"]}
        if verb[0] == "get":
            if verb[1].startswith("job/"):
                return json.dumps({"status": self.status})
            return "" if verb[1] in self.lacks else json.dumps(_live(verb[1]))
        return ""


def _platform(cluster: Cluster) -> Kubernetes:
    platform = Kubernetes(_OVERLAY, "integrahub", cluster)
    assert platform.prepare(_TARGET) == ["older"]
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


def test_readiness_is_that_of_every_workload_within_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    platform = _platform(cluster)
    monkeypatch.setattr("deploy.rollout.kubernetes.time.monotonic", itertools.count(0, 2).__next__)
    platform.wait_until_ready(Role.WORKERS, 12)
    waits = [call for call in cluster.calls if call[:2] == ("rollout", "status")]
    assert {"statefulset/integrahub-upsert", "deployment/integrahub-split"} <= {call[2] for call in waits}
    assert [call[3] for call in waits][:3] == ["--timeout=10s", "--timeout=8s", "--timeout=6s"]


def test_restoring_applies_every_object_as_it_was() -> None:
    cluster = Cluster()
    platform = _platform(cluster)
    platform.roll(Role.WORKERS)
    platform.roll(Role.API)
    assert cluster.objects["service/integrahub"]["spec"]["ports"] != [{"port": 8}]
    platform.restore(Role.API)
    assert cluster.objects["service/integrahub"]["spec"]["ports"] == [{"port": 8}]
    assert cluster.objects["configmap/integrahub"]["data"] == {"a": "old"}
    api = cluster.objects["deployment/integrahub-api"]
    assert api["spec"]["template"]["spec"]["containers"] == [{"image": "older"}]
    assert "replicas" not in api["spec"] and "uid" not in api["metadata"] and "status" not in api
    platform.restore(Role.WORKERS)
    settings, workers = cluster.applied[-3], cluster.applied[-1]
    assert (settings, workers) == (cluster.applied[0], cluster.applied[1])
    assert [call for call in cluster.calls if call[0] in ("patch", "delete")] == []


def test_what_did_not_exist_before_is_deleted_and_not_waited_for() -> None:
    cluster = Cluster(lacks=("deployment/integrahub-split", "service/integrahub-console"))
    platform = _platform(cluster)
    platform.roll(Role.WORKERS)
    platform.restore(Role.WORKERS)
    deleted = [call[1:-2] for call in cluster.calls if call[0] == "delete"]
    assert deleted == [("service/integrahub-console",), ("deployment/integrahub-split",)]
    platform.wait_until_ready(Role.WORKERS, 5)
    waits = {call[2] for call in cluster.calls if call[0] == "rollout"}
    assert "statefulset/integrahub-upsert" in waits and "deployment/integrahub-split" not in waits


def test_an_object_that_was_never_applied_is_kept_without_what_the_server_added() -> None:
    live = _live("deployment/integrahub-api")
    del live["metadata"]["annotations"]
    target = next(each for each in _rendered() if _name(each) == "Deployment/integrahub-api")
    kept = restorable(live, target)
    assert set(kept["metadata"]) == {"name", "namespace"} and not {"status"} & set(kept)
    assert "replicas" not in kept["spec"] and kept["spec"]["template"] == live["spec"]["template"]


def test_the_message_of_a_failed_call_has_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "kubectl"
    program.write_text(
        """#!/bin/sh\nprintf 'error when applying:\\n{"data": "secret"}\\nit is invalid' >&2\nexit 1\n"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(RolloutError, match=r"`kubectl apply` failed: error when applying:\nit is invalid$"):
        kubectl("apply")
    program.write_text("#!/bin/sh\nexec sleep 9\n")
    with pytest.raises(RolloutError, match="did not end within 0 s"):
        kubectl("apply", timeout=0.1)


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
