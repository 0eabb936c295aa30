"""Method of the old hub: JSON.parse, INSERTs of 1000 rows x 22 parameters, the raw record stored; 4 connections."""

import subprocess
import tempfile
from pathlib import Path

import psycopg

from bench.catalogue import Catalogue
from bench.peers.environments import connection_of, copy_script, install_node_packages

_SCRIPT = Path(__file__).parent / "old_hub.mjs"
_CHUNK = 1000
_CREATE = """DROP TABLE IF EXISTS old_products; CREATE TABLE old_products (
  pharmacy_id bigint NOT NULL, product_id bigint NOT NULL, title text, description text, brand text, ncm text,
  category text, image_link text, color text, ean text, shop_id text, size text, price numeric(14,4),
  price_promo numeric(14,4), wholesale_price numeric(14,4), quantity numeric(14,3), wholesale_min numeric(14,3),
  measure text, indice numeric(14,3), source_updated_at timestamp, last_seen_at timestamptz, raw_json jsonb,
  PRIMARY KEY (pharmacy_id, product_id)); CREATE INDEX ON old_products (pharmacy_id, category)"""


class OldHub:
    """The old method on its own table; raises PeerMissing if Node cannot run."""

    name = "old hub's way"

    def __init__(self, database: str) -> None:
        program, folder = install_node_packages()
        self._command = [program, str(copy_script(_SCRIPT, folder))]
        self._socket, self._environment = connection_of(database)
        with psycopg.connect(database) as connection:
            connection.execute(_CREATE)

    def apply(self, catalogue: Catalogue) -> float:
        """Return the seconds from the first JSON.parse to the last commit, as Node prints them."""
        records = catalogue.records()
        with tempfile.NamedTemporaryFile(suffix=".ndjson") as chunks:
            for start in range(0, len(records), _CHUNK):
                chunks.write(b"[%s]\n" % b",".join(records[start : start + _CHUNK]))
            chunks.flush()
            command = [*self._command, self._socket, chunks.name]
            result = subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=1200, env=self._environment
            )
        return float(result.stdout)
