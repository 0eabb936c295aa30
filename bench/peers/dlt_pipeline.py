"""One dlt pipeline run, started by `dlt_merge.py` in its own virtual environment; prints its seconds."""

import json
import os
import sys
from pathlib import Path
from time import perf_counter
from urllib.parse import quote


def main(socket: str, folder: str) -> None:
    """Merge the records of the folder."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": folder}
    import dlt

    records = json.loads((Path(folder) / "records.json").read_bytes())
    # dlt requires a host; libpq uses the last one of the URL.
    login = f"integrahub:{os.environ['PGPASSWORD']}"
    url = f"postgresql://{login}@localhost:5432/integrahub?host={quote(socket, safe='')}"
    pipeline = dlt.pipeline(
        "bench", destination=dlt.destinations.postgres(credentials=url), dataset_name="dlt", pipelines_dir=folder
    )
    disposition = {"disposition": "merge", "strategy": "upsert"}
    started = perf_counter()
    pipeline.run(records, table_name="products", primary_key="PRODUCTID", write_disposition=disposition)
    print(perf_counter() - started)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
