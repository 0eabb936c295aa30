"""Singer: MeltanoLabs' target-postgres, upsert by key, its defaults otherwise."""

import json
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

from bench.catalogue import Catalogue
from bench.peers.parts import place_of, python

_NUMBERS = ("PRICE", "PRICEPROMO", "WHOLESALEPRICE", "WHOLESALEMIN", "QUANTITY")
_INTEGERS = ("PRODUCTID", "INDICE", "SHOPID", "MEASURE")


class Singer:
    """A schema of its own; PeerMissing where it cannot be installed."""

    name = "Singer target-postgres"

    def __init__(self, database: str) -> None:
        self._target = python("singer", "meltanolabs-target-postgres==0.8.1") / "target-postgres"
        socket, self._environment = place_of(database)
        address = f"postgresql+psycopg://integrahub@/integrahub?host={socket}"
        self._config = {"sqlalchemy_url": address, "default_target_schema": "singer", "load_method": "upsert"}

    def apply(self, catalogue: Catalogue) -> float:
        """Seconds from its start to its end, as a tap would wait for it."""
        records = catalogue.records()
        message = b'{"type":"RECORD","stream":"products","record":%s}\n'
        with tempfile.TemporaryDirectory(prefix="integrahub-bench-") as folder:
            config, messages = Path(folder) / "config.json", Path(folder) / "messages"
            config.write_text(json.dumps(self._config))
            messages.write_bytes(_schema(records[0]) + b"".join(message % record for record in records))
            begun = perf_counter()
            with messages.open("rb") as given:
                command = [str(self._target), "--config", str(config)]
                subprocess.run(
                    command, check=True, stdin=given, capture_output=True, timeout=1200, env=self._environment
                )
            return perf_counter() - begun


def _schema(record: bytes) -> bytes:
    kinds = dict.fromkeys(json.loads(record), "string")
    kinds |= dict.fromkeys(_NUMBERS, "number") | dict.fromkeys(_INTEGERS, "integer")
    properties = {name: {"type": [kind, "null"]} for name, kind in kinds.items()}
    schema = {"properties": properties}
    told = {"type": "SCHEMA", "stream": "products", "schema": schema, "key_properties": ["PRODUCTID"]}
    return json.dumps(told).encode() + b"\n"
