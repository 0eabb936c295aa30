"""dlt: `merge` with the upsert strategy into PostgreSQL, its defaults otherwise."""

import json
import subprocess
import tempfile
from pathlib import Path

from bench.catalogue import Catalogue
from bench.peers.parts import place_of, python

_SCRIPT = Path(__file__).parent / "dlt_pipeline.py"


class Dlt:
    """A schema of its own; PeerMissing where it cannot be installed."""

    name = "dlt merge"

    def __init__(self, database: str) -> None:
        self._python = python("dlt", "dlt[postgres]==1.31.0") / "python"
        self._socket, self._environment = place_of(database)

    def apply(self, catalogue: Catalogue) -> float:
        """Seconds of the pipeline's run, told by itself: it has the records parsed before."""
        with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder:
            (Path(folder) / "records.json").write_bytes(catalogue.body())
            command = [str(self._python), str(_SCRIPT), json.dumps({"socket": self._socket, "folder": folder})]
            told = subprocess.run(
                command,
                check=True,
                capture_output=True,
                text=True,
                cwd=folder,
                timeout=1200,
                env=self._environment,
            )
        return float(told.stdout.splitlines()[-1])
