"""Packages are the same in two builds, and the installed wheel runs as in the image. Only in the long tests.

A container engine is not needed: namespaces give a read-only root and another user. The image itself is untried.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest
from deploy.release.package import build_twice
from hatch_build import TARGETS

from integrahub.tools.devservices.program import find_free_ports
from tests.monitoring.proxying import ThreadedProxy

ROOT = Path(__file__).parents[2]
_USER = 10001  # as in deploy/Dockerfile
# Only /mnt, a file system in memory, can be written. It has interpreter and package, whose folders may be private.
_SCRIPT = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/python /mnt/site /mnt/data
mount --bind "$BASE" /mnt/python
mount --bind "$SITE" /mnt/site
chown "$USER_ID" /mnt/data
mount -o remount,bind,ro /
cd /mnt/data
exec setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --no-new-privs --bounding-set=-all \
  /mnt/python/bin/python3 -m integrahub "$@"
"""
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    targets = ["none", *(TARGETS if find_spec("ziglang") else ())]  # PYTHONPATH may name the compiler
    packages = build_twice(ROOT, tmp_path_factory.mktemp("builds"), targets)
    return next(path for path in packages if path.name.endswith("-none-any.whl"))


@pytest.fixture
def tcp_url(database_url: str) -> Iterator[str]:
    """Yield the URL of the database over TCP: the socket of the embedded server is closed to other users."""
    parts = urlsplit(database_url)
    with ThreadedProxy(parse_qs(parts.query)["host"][0] + "/.s.PGSQL.5432") as proxy:
        name = parts.path.lstrip("/")
        yield f"postgresql://{parts.netloc}127.0.0.1:{proxy.port}/{name}?sslmode=disable&gssencmode=disable"


@pytest.mark.parametrize("arguments", [["api", "--plain-http"], ["work", "split,upsert,finish,sweep"], ["console"]])
def test_the_wheel_runs_as_a_user_without_rights_on_a_read_only_root(
    wheel: Path, arguments: list[str], tcp_url: str, tmp_path: Path
) -> None:
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to make a namespace with another user")
    site = tmp_path / "site"
    install = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run([sys.executable, "-m", *install], check=True)
    port, probe_port = find_free_ports(2)
    settings = {"DATABASE_URL": tcp_url, "DATA_DIR": "/mnt/data", "PORT": port, "PROBE_PORT": probe_port}
    settings |= {"ADMIN_API_KEY": "an-admin-key-for-tests", "STORAGE_URL": "file:///mnt/data/objects"}
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    environment = {f"INTEGRAHUB_{name}": str(value) for name, value in settings.items()}
    environment |= {"BASE": sys.base_prefix, "SITE": str(site), "USER_ID": str(_USER)}
    environment |= {"PATH": os.environ["PATH"], "TMPDIR": "/mnt/data", "LD_LIBRARY_PATH": "/mnt/python/lib"}
    environment |= {"PYTHONPATH": f"/mnt/site:{packages}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["unshare", "--mount", "sh", "-c", _SCRIPT, "sh", *arguments]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        probed = port if arguments[0] == "api" else probe_port
        for path in ("livez", "readyz"):
            _wait_for(f"http://127.0.0.1:{probed}/{path}", process)
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert f"Uid:\t{_USER}\t{_USER}" in status and "CapEff:\t0000000000000000" in status
        mounts = [line.split() for line in Path(f"/proc/{process.pid}/mounts").read_text().splitlines()]
        assert [options[:3] for _, place, _, options, *_ in mounts if place == "/"] == ["ro,"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None and time.monotonic() < end, url
        try:
            with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except (URLError, OSError):
            time.sleep(0.1)
