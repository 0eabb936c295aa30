"""dlt: `merge` with the upsert strategy into PostgreSQL, otherwise with its defaults."""

import json
import subprocess
import tempfile
from pathlib import Path

from bench.catalogue import Catalogue
from bench.peers.environments import connection_of, create_environment

_SCRIPT = Path(__file__).parent / "dlt_pipeline.py"


class Dlt:
    """dlt on its own schema; raises PeerMissing if it cannot be installed."""

    name = "dlt merge"

    def __init__(self, database: str) -> None:
        self._python = create_environment("dlt", "dlt[postgres]==1.31.0") / "python"
        self._socket, self._environment = connection_of(database)

    def apply(self, catalogue: Catalogue) -> float:
        """Return the seconds of the pipeline's run as it prints them; it parses the records before."""
        with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder:
            (Path(folder) / "records.json").write_bytes(catalogue.body())
            command = [str(self._python), str(_SCRIPT), json.dumps({"socket": self._socket, "folder": folder})]
            result = subprocess.run(
                command,
                check=True,
                capture_output=True,
                text=True,
                cwd=folder,
                timeout=1200,
                env=self._environment,
            )
        return float(result.stdout.splitlines()[-1])
