"""Singer: target-postgres of MeltanoLabs, upsert by key, otherwise with its defaults."""

import json
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

from bench.catalogue import Catalogue
from bench.peers.environments import connection_of, create_environment

_NUMBERS = ("PRICE", "PRICEPROMO", "WHOLESALEPRICE", "WHOLESALEMIN", "QUANTITY")
_INTEGERS = ("PRODUCTID", "INDICE", "SHOPID", "MEASURE")


class Singer:
    """Singer on its own schema; raises PeerMissing if it cannot be installed."""

    name = "Singer target-postgres"

    def __init__(self, database: str) -> None:
        self._target = create_environment("singer", "meltanolabs-target-postgres==0.8.1") / "target-postgres"
        socket, self._environment = connection_of(database)
        address = f"postgresql+psycopg://integrahub@/integrahub?host={socket}"
        self._config = {"sqlalchemy_url": address, "default_target_schema": "singer", "load_method": "upsert"}

    def apply(self, catalogue: Catalogue) -> float:
        """Return the seconds from the start to the end of the target process."""
        records = catalogue.records()
        message = b'{"type":"RECORD","stream":"products","record":%s}\n'
        with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder:
            config, messages = Path(folder) / "config.json", Path(folder) / "messages"
            config.write_text(json.dumps(self._config))
            messages.write_bytes(_schema(records[0]) + b"".join(message % record for record in records))
            started = perf_counter()
            with messages.open("rb") as source:
                command = [str(self._target), "--config", str(config)]
                subprocess.run(
                    command, check=True, stdin=source, capture_output=True, timeout=1200, env=self._environment
                )
            return perf_counter() - started


def _schema(record: bytes) -> bytes:
    kinds = dict.fromkeys(json.loads(record), "string")
    kinds |= dict.fromkeys(_NUMBERS, "number") | dict.fromkeys(_INTEGERS, "integer")
    properties = {name: {"type": [kind, "null"]} for name, kind in kinds.items()}
    schema = {"properties": properties}
    header = {"type": "SCHEMA", "stream": "products", "schema": schema, "key_properties": ["PRODUCTID"]}
    return json.dumps(header).encode() + b"\n"
