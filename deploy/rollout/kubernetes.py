"""Platform of a cluster, by kubectl: it applies the manifests of this checkout with the image of the target."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.rollout.platform import Reference, Role, RolloutError

IMAGE = "integrahub"
_LEASE = "integrahub-rollout"
_PREPARE = "integrahub-prepare"
_PLAN = "integrahub-plan"
_POLL_INTERVAL_SECONDS = 2.0
_WORKLOADS = ("Deployment", "StatefulSet")
_ROLE_OF = {"integrahub-api": Role.API, "integrahub-console": Role.CONSOLE}  # every other workload: workers
_CALL_TIMEOUT_SECONDS = 120.0  # of a call of kubectl that waits for nothing
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_OF_THE_SERVER = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
Object = dict[str, Any]
Kubectl = Callable[..., str]


def kubectl(*arguments: str, given: str = "", timeout: float = _CALL_TIMEOUT_SECONDS) -> str:
    """Run kubectl with `given` as its input, and return its output. Raise RolloutError if it fails or hangs."""
    shown = f"`kubectl {' '.join(arguments)}`"
    try:
        done = subprocess.run(
            ("kubectl", *arguments), input=given, capture_output=True, text=True, timeout=timeout, check=False
        )
    except FileNotFoundError:
        raise RolloutError("kubectl is not installed. Install it, then try again.") from None
    except subprocess.TimeoutExpired:
        raise RolloutError(f"{shown} did not end within {timeout:.0f} s.") from None
    if done.returncode:
        reason = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("{"))  # objects: secrets
        raise RolloutError(f"{shown} failed: {reason.strip()}")
    return done.stdout


def render(overlay: Path, target: Reference, run: Kubectl = kubectl) -> list[Object]:
    """Return the objects of an overlay with the image of the target. No cluster is needed."""
    with tempfile.TemporaryDirectory() as folder:
        image = {"name": IMAGE, "newName": target.name, "digest": f"sha256:{target.hex}"}
        # Kustomize reads no absolute paths, and follows no symbolic link out of the folder.
        resource = os.path.relpath(overlay.resolve(), Path(folder).resolve())
        (Path(folder) / "kustomization.yaml").write_text(
            json.dumps({"resources": [resource], "images": [image]}), "utf-8"
        )
        documents = run("kustomize", folder)
    return list(
        _decode(run("annotate", "--local", "-f", "-", "-o", "json", f"integrahub/image={target}", given=documents))
    )


def role_of(found: Object) -> Role | None:
    """Return the role of a workload; None for all other objects."""
    if found["kind"] not in _WORKLOADS:
        return None
    return _ROLE_OF.get(found["metadata"]["name"], Role.WORKERS)


def plan_job(prepare: Object) -> Object:
    """Return a job that runs `migrate --plan` alone, as the job that prepares a version would run `migrate`."""
    job: Object = json.loads(json.dumps(prepare))
    pod = job["spec"]["template"]["spec"]
    migrate = next(each for each in pod["initContainers"] if each["name"] == "migrate")
    pod["initContainers"], pod["containers"] = [], [{**migrate, "args": ["migrate", "--plan", "--json"]}]
    pod["restartPolicy"] = "Never"
    job["spec"]["backoffLimit"] = 0
    job["metadata"]["name"] = _PLAN
    return job


def restorable(live: Object, target: Object) -> Object:
    """Return what to apply so that an object is as it was before the target was applied.

    It is what was applied last, so that a later apply removes no field that others set, such as the replicas of an
    autoscaler, with the template and the data that really ran.
    """
    if applied := live["metadata"].get("annotations", {}).get(_LAST_APPLIED):
        kept: Object = json.loads(applied)
    else:
        kept = json.loads(json.dumps({name: value for name, value in live.items() if name != "status"}))
        for name in _OF_THE_SERVER:
            kept["metadata"].pop(name, None)
        if live["kind"] in _WORKLOADS and "replicas" not in target["spec"]:
            kept["spec"].pop("replicas", None)
    if live["kind"] in _WORKLOADS:
        kept["spec"]["template"] = live["spec"]["template"]
    if "data" in live:
        kept["data"] = live["data"]
    return kept


@dataclass(slots=True)
class Kubernetes:
    """The objects of an overlay in a namespace."""

    overlay: Path
    namespace: str
    run: Kubectl = kubectl
    _objects: list[Object] = field(default_factory=list)
    _before: dict[str, Object] = field(default_factory=dict)  # restorable objects, by name
    _has_settings: bool = False
    _gone: set[str] = field(default_factory=set)

    @contextmanager
    def lock(self, rollout: str) -> Iterator[None]:
        """Exclude a second rollout by a Lease, which only one can create."""
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": _LEASE}}
        try:
            self._kubectl("create", "-f", "-", given=json.dumps({**lease, "spec": {"holderIdentity": rollout}}))
        except RolloutError as error:
            raise RolloutError(
                f"Another rollout is running, or was killed: {error} Its journal says which. "
                f"If it is gone: {self._unlock}"
            ) from None
        try:
            yield
        finally:
            self._free()

    def prepare(self, target: Reference) -> list[str]:
        """Render the objects, and keep what the cluster has of them."""
        self._objects, self._before = render(self.overlay, target, self.run), {}
        self._has_settings, self._gone = False, set()
        for found in self._objects:
            if found["kind"] != "Job":
                name = _name(found)
                if text := self._kubectl("get", name, "-o", "json", "--ignore-not-found"):
                    self._before[name] = restorable(json.loads(text), found)
        pods = [each["spec"]["template"]["spec"] for each in self._before.values() if each["kind"] in _WORKLOADS]
        return sorted({container["image"] for pod in pods for container in pod["containers"]})

    def plan(self, timeout: float) -> str:
        """Run `migrate --plan` as a job, and return its log."""
        return self._run_job(plan_job(self._prepare_job), timeout)

    def migrate(self, timeout: float) -> None:
        """Run the job that migrates the schema and creates topics and the rules of the bucket."""
        self._run_job(self._prepare_job, timeout)

    def roll(self, role: Role) -> None:
        """Apply the workloads of a role; before the first role, all that is no workload."""
        if not self._has_settings:
            self._has_settings = True
            self._apply(self._settings)
        self._apply(self._of(role))

    def wait_until_ready(self, role: Role, timeout: float) -> None:
        """Wait until every pod of the role runs its template and is ready. All workloads share the timeout."""
        end = time.monotonic() + timeout
        for name in map(_name, self._of(role)):
            if name not in self._gone:
                left = max(end - time.monotonic(), 1.0)
                self._kubectl("rollout", "status", name, f"--timeout={left:.0f}s", timeout=left + _CALL_TIMEOUT_SECONDS)

    def restore(self, role: Role) -> None:
        """Make the workloads of the role, and before the first of them all else, what `prepare` found."""
        if self._has_settings:
            self._has_settings = False
            self._put_back(self._settings)
        self._put_back(self._of(role))

    def diagnose(self, timeout: float) -> str:
        """Run `doctor` in a pod of the API."""
        options = (f"--request-timeout={timeout:.0f}s", "deployment/integrahub-api", "-c", "api")
        return self._kubectl("exec", *options, "--", "integrahub", "doctor", timeout=timeout).strip()

    def _free(self) -> None:
        try:
            self._kubectl("delete", "lease", _LEASE, "--ignore-not-found")
        except RolloutError as error:
            raise RolloutError(f"{error} The next rollout is refused until: {self._unlock}") from None

    @property
    def _unlock(self) -> str:
        return f"kubectl -n {self.namespace} delete lease {_LEASE}"

    @property
    def _prepare_job(self) -> Object:
        return next(found for found in self._objects if _name(found) == f"job/{_PREPARE}")

    @property
    def _settings(self) -> list[Object]:
        return [found for found in self._objects if found["kind"] != "Job" and role_of(found) is None]

    def _put_back(self, objects: list[Object]) -> None:
        """Apply what was there before, and delete what was not."""
        names = [_name(found) for found in objects]
        if kept := [self._before[name] for name in names if name in self._before]:
            self._apply(kept)
        if new := [name for name in names if name not in self._before]:
            self._gone.update(new)
            self._kubectl("delete", *new, "--ignore-not-found", "--wait=false")

    def _of(self, role: Role) -> list[Object]:
        return [found for found in self._objects if role_of(found) is role]

    def _apply(self, objects: list[Object]) -> None:
        self._kubectl("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def _run_job(self, job: Object, timeout: float) -> str:
        """Run a job to its end and return its log. Delete it if it takes too long."""
        name = _name(job)
        self._kubectl("delete", name, "--ignore-not-found", "--wait")
        self._apply([job])
        end = time.monotonic() + timeout
        while not (status := json.loads(self._kubectl("get", name, "-o", "json")).get("status", {})).get("succeeded"):
            conditions = {each["type"] for each in status.get("conditions", []) if each["status"] == "True"}
            if "Failed" in conditions:
                raise RolloutError(f"{name} failed: {self._log(name)}")
            if time.monotonic() > end:
                self._kubectl("delete", name, "--ignore-not-found")
                raise RolloutError(f"{name} did not end within {timeout:.0f} s and was deleted.")
            time.sleep(_POLL_INTERVAL_SECONDS)
        return self._log(name)

    def _log(self, name: str) -> str:
        return self._kubectl("logs", name, "--all-containers", "--tail=200").strip()

    def _kubectl(self, *arguments: str, given: str = "", timeout: float = _CALL_TIMEOUT_SECONDS) -> str:
        return self.run("-n", self.namespace, *arguments, given=given, timeout=timeout)


def _name(found: Object) -> str:
    return f"{found['kind'].lower()}/{found['metadata']['name']}"


def _decode(text: str) -> Iterator[Object]:
    """Yield the JSON documents of a text that holds one after the other."""
    decoder, position = json.JSONDecoder(), 0
    text = text.rstrip()
    while position < len(text):
        found, position = decoder.raw_decode(text, position)
        yield found
        while position < len(text) and text[position].isspace():
            position += 1
