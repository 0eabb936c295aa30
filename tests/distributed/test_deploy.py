"""Deployment files are valid and match the code."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest
import yaml
from deploy.rollout.kubernetes import plan_job
from psycopg.errors import InsufficientPrivilege

from integrahub.db.embedded import binaries
from integrahub.db.schema.migrate import migrate
from integrahub.db.schema.version import check_if_reachable
from integrahub.domain.events import CHUNKS_READY
from integrahub.domain.steps import GROUPS
from integrahub.settings.model import Settings
from tests.conftest import embedded_postgres

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"


def _program(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _build(overlay: str) -> list[str]:
    return _run(_program("kubectl"), "kustomize", str(KUBERNETES / overlay)).split("\n---\n")


@pytest.mark.parametrize("overlay", ["base", "keda", "production"])
def test_the_manifests_build_and_are_valid(overlay: str, tmp_path: Path) -> None:
    own_kinds = ("kind: ScaledObject", "kind: PodMonitor")  # of KEDA and of the Prometheus Operator
    known = [part for part in _build(overlay) if not any(kind in part for kind in own_kinds)]
    prepare = next(part for part in map(yaml.safe_load, known) if part["kind"] == "Job")
    (tmp_path / "built.yaml").write_text("\n---\n".join([*known, json.dumps(plan_job(prepare))]))
    _run(_program("kubernetes-validate"), "--strict", str(tmp_path / "built.yaml"))


def test_production_reaches_managed_dependencies_scrapes_every_pod_and_is_reached_by_tls() -> None:
    built = {f"{part['kind']}/{part['metadata']['name']}": part for part in map(yaml.safe_load, _build("production"))}
    egress = built["NetworkPolicy/integrahub-upsert"]["spec"]["egress"]
    outside = {rule["ports"][0]["port"] for rule in egress if "ipBlock" in rule["to"][0]}
    assert outside == {5432, 9096, 443}
    assert built["ConfigMap/integrahub"]["data"]["INTEGRAHUB_STORAGE_URL"].startswith("s3://integrahub-batches?region=")
    [scraped] = built["PodMonitor/integrahub"]["spec"]["podMetricsEndpoints"]
    pods = [
        part["spec"]["template"]["spec"] for part in built.values() if part["kind"] in ("Deployment", "StatefulSet")
    ]
    for pod in pods:
        ports = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
        assert ports[scraped["port"]] == 8001, pod
        assert {each["topologyKey"] for each in pod["topologySpreadConstraints"]} == _SPREAD_OVER
    [tls] = built["Ingress/integrahub"]["spec"]["tls"]
    assert tls["hosts"] == ["hub.example.com"] and "INTEGRAHUB_TRUSTED_PROXIES" in str(built["ConfigMap/integrahub"])


_SPREAD_OVER = {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_every_volume_of_a_pod_has_a_limit_and_the_finished_job_leaves() -> None:
    texts = {path.name: path.read_text("utf-8") for path in (KUBERNETES / "base").glob("*.yaml")}
    assert [name for name, text in texts.items() if "emptyDir: {}" in text] == []
    assert "ttlSecondsAfterFinished" in texts["prepare.yaml"]


def test_compose_loads_every_rule_and_grafana_its_dashboards() -> None:
    prometheus, grafana = (_COMPOSE["services"][name] for name in ("prometheus", "grafana"))
    files = {_COMPOSE["configs"][each["source"]].get("file", "") for each in prometheus["configs"]}
    rules = {f"prometheus/rules/{path.name}" for path in (ROOT / "deploy/prometheus/rules").iterdir()}
    assert files == rules | {""}
    configuration = yaml.safe_load(_COMPOSE["configs"]["prometheus"]["content"])
    assert configuration["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    [scraped] = configuration["scrape_configs"][0]["dns_sd_configs"]
    roles = [name for name, service in _COMPOSE["services"].items() if service.get("restart") and "build" in service]
    assert set(scraped["names"]) == {name for name in roles if _COMPOSE["services"][name]["restart"] != "on-failure"}
    mounted = dict(volume.split(":")[:2] for volume in grafana["volumes"] if volume.startswith("./"))
    provisioned = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/integrahub.yml").read_text("utf-8"))
    assert mounted["./grafana/dashboards"] == provisioned["providers"][0]["options"]["path"]
    assert mounted["./grafana/provisioning"] == "/etc/grafana/provisioning"


def test_the_image_is_built_as_hadolint_asks() -> None:
    _run(_program("hadolint"), "deploy/Dockerfile")


def test_the_context_of_the_image_holds_all_that_the_package_is_built_from(tmp_path: Path) -> None:
    """Copy what `.dockerignore` admits and the Dockerfile copies, and build the package from it."""
    admitted = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy" / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert {name for line in copied for name in line.split()} == set(admitted)
    for name in admitted:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tmp_path / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "built"]
    environment = os.environ | {"KERNEL_TARGET": "none"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and len(list((tmp_path / "built").glob("*.whl"))) == 1, done.stderr


def test_what_is_configured_and_scaled_by_exists() -> None:
    written = "".join(path.read_text("utf-8") for path in [*KUBERNETES.rglob("*.yaml"), ROOT / "deploy/compose.yaml"])
    names = set(re.findall(r"INTEGRAHUB_([A-Z_]+)", written))
    assert len(names) > 8
    assert names <= {name.upper() for name in Settings.model_fields}
    scaled = (KUBERNETES / "keda" / "upsert-more.yaml").read_text("utf-8")
    assert f"topic: {CHUNKS_READY}" in scaled and f"consumerGroup: {GROUPS[CHUNKS_READY]}" in scaled
    assert "integrahub_backlog_records" in (ROOT / "src/integrahub/telemetry/metrics/pipeline.py").read_text("utf-8")


_OF_THE_API = {"ADMIN_API_KEY", "KEY_PEPPER", "RECEIPT_KEY"}
_OF_THE_BUCKET = {"STORAGE_ACCESS_KEY", "STORAGE_SECRET_KEY"}
_COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))


def _settings(service: str) -> dict[str, str]:
    given = _COMPOSE["services"][service]["environment"]
    return {name.removeprefix("INTEGRAHUB_"): value for name, value in given.items()}


def test_each_component_of_compose_has_a_login_and_secrets_of_its_own_alone() -> None:
    wanted = {
        "migrate": ("integrahub_owner", set()),
        "topics": (None, set()),
        "lifecycle": (None, _OF_THE_BUCKET),
        "api": ("integrahub_api", _OF_THE_API | _OF_THE_BUCKET),
        **dict.fromkeys(("split", "upsert", "rest"), ("integrahub_worker", _OF_THE_BUCKET)),
        "notify": ("integrahub_notify", {"KEY_PEPPER"}),
        "console": ("integrahub_console", {"KEY_PEPPER"} | _OF_THE_BUCKET),
    }
    for service, (login, secrets) in wanted.items():
        given = _settings(service)
        assert {*given} & (_OF_THE_API | _OF_THE_BUCKET | {"VALID_API_KEYS"}) == secrets, service
        assert re.findall(r"//(\w+):", given.get("DATABASE_URL", "")) == ([login] if login else []), service
    keys = {service: _settings(service).get("STORAGE_ACCESS_KEY") for service in wanted}
    assert len({keys["api"], keys["console"], keys["split"]}) == 3
    assert keys["api"] != keys["split"] == keys["upsert"] == keys["rest"] != keys["lifecycle"]
    variables = {service: set(re.findall(r"[$][{](\w+)", str(_settings(service)))) for service in wanted}
    others = {
        name for service, names in variables.items() if service not in ("split", "upsert", "rest") for name in names
    }
    assert variables["split"] == variables["upsert"] == variables["rest"] and not variables["split"] & others


def _containers(folder: Path) -> Iterator[dict[str, Any]]:
    for path in folder.glob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            pods = document.get("spec", {}).get("template", {}).get("spec", {}) if isinstance(document, dict) else {}
            yield from [*pods.get("containers", []), *pods.get("initContainers", [])]


def test_each_component_of_kubernetes_reads_a_secret_of_its_own_alone() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for container in _containers(KUBERNETES / "base"):
        refs = [source["secretRef"]["name"] for source in container.get("envFrom", []) if "secretRef" in source]
        assert len(refs) == 1 and "secretKeyRef" not in str(container), container["name"]
        found[container["name"]] |= set(refs)
    worker = {"integrahub-worker"}
    assert found == {
        "api": {"integrahub-api"},
        **dict.fromkeys(("split", "upsert", "rest"), worker),
        "notify": {"integrahub-notify"},
        "console": {"integrahub-console"},
        "migrate": {"integrahub-migrate"},
        "topics": {"integrahub-topics"},
        "lifecycle": {"integrahub-lifecycle"},
    }
    plain = yaml.safe_load((KUBERNETES / "base" / "configuration.yaml").read_text("utf-8"))["data"]
    assert not {name.removeprefix("INTEGRAHUB_") for name in plain} & (_OF_THE_API | _OF_THE_BUCKET | {"DATABASE_URL"})


def test_compose_is_reached_from_this_machine_alone_and_bounds_every_container() -> None:
    for name, service in _COMPOSE["services"].items():
        assert service["mem_limit"] and service["pids_limit"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        told = str([service.get("command"), service.get("entrypoint"), service.get("healthcheck")])
        assert "${" not in told, f"{name} has a secret on its command line"
        if service["image"] != "integrahub":
            assert re.search(r":(v?\d+\.\d+|RELEASE\.\d)", service["image"]), f"{name} moves"
    image = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    assert "PLAIN_HTTP=" not in image
    assert re.findall(r"^FROM (\S+)", image, re.MULTILINE) == ["python:3.13.14-slim"] * 2
    script = (ROOT / "deploy" / "minio" / "prepare.sh").read_text("utf-8")
    assert not re.search(r"mc .*[$](2|\w*SECRET)", script)


def test_the_example_of_settings_has_every_variable_of_compose_and_no_value() -> None:
    text = (ROOT / "deploy" / ".env.example").read_text("utf-8")
    given = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    compose = (ROOT / "deploy" / "compose.yaml").read_text("utf-8")
    assert set(given) == set(re.findall(r"[$][{](\w+)", compose))
    assert {name for name, value in given.items() if value} == {"PORT", "CONSOLE_PORT"}


def test_the_logins_of_deploy_are_no_superusers_and_do_what_their_components_need() -> None:
    with embedded_postgres("ihub-roles-") as (_, url):
        parts = urlsplit(url)
        psql = str(binaries.find() / "psql")
        passwords = {"OWNER_PASSWORD": "o'wner", "API_PASSWORD": "a-pi"}
        passwords |= {"WORKER_PASSWORD": "w-orker", "NOTIFY_PASSWORD": "n-otify", "CONSOLE_PASSWORD": "c-onsole"}
        for _ in range(2):
            script = [psql, "--no-psqlrc", "-v", "VERBOSITY=terse", "-f", "deploy/postgresql/roles.sql", url]
            subprocess.run(script, env=passwords, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

        def as_login(name: str, password: str) -> str:
            return urlunsplit(parts._replace(netloc=f"{name}:{quote(password)}@"))

        owner = as_login("integrahub_owner", "o'wner")
        assert asyncio.run(migrate(owner)) and asyncio.run(migrate(owner)) == []
        logins = {"integrahub_api": "a-pi", "integrahub_worker": "w-orker", "integrahub_notify": "n-otify"} | {
            "integrahub_console": "c-onsole"
        }
        for login in (owner, *(as_login(name, password) for name, password in logins.items())):
            assert asyncio.run(check_if_reachable(login))
            with psycopg.connect(login, autocommit=True) as connection:
                row = connection.execute(
                    "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = user"
                ).fetchone()
                assert row == (False,)
                connection.execute("SELECT FROM batches")
                with pytest.raises(InsufficientPrivilege):
                    connection.execute("COPY batches FROM PROGRAM 'id'")
