"""The embedded hub imports none of the extras' clients."""

import subprocess
import sys

_PROGRAM = """
import sys
import typer
from integrahub.api.app import create_app
from integrahub.cli.app import app
from integrahub.supervisor.main import run_up
from integrahub.hub.bootstrap import compose_hub
from integrahub.settings.model import Settings
from integrahub.worker.process import work
hub = compose_hub(Settings(database_url="postgresql://", data_dir="/nowhere"))
create_app(hub, hub.ingest())
assert len(dict(typer.main.get_command(app).commands)) > 15  # which imports every verb
clients = ("confluent_kafka", "obstore", "boto3", "botocore", "opentelemetry.sdk", "opentelemetry.exporter")
print([client for client in clients if client in sys.modules])
"""


def test_api_workers_and_command_line_of_an_embedded_hub_import_no_client_of_kafka_s3_or_traces() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
