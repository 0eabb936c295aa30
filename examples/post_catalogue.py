"""Post a catalogue with the client library and wait until the hub has applied it.

    HUB_URL=https://hub.example.com HUB_KEY=ihub_live_... python post_catalogue.py FILE full|delta [IDEMPOTENCY_KEY]

Exit code 0: every record was applied. The library compresses, streams, and repeats what may be repeated.
"""

import os
import sys

from integrahub.client import ApiError, Client


def main(file: str, load_type: str, key: str | None = None) -> int:
    """Post, wait, and print what was rejected."""
    # Store the key with the export, and use it again after a crash. Without one, the library makes one per call.
    given = {"idempotency_key": key} if key else {}
    try:
        with Client(os.environ["HUB_URL"], os.environ["HUB_KEY"], timeout=300, retries=8) as client:
            batch = client.send(file, load_type, **given)
            print("accepted as", batch.id)
            ended = batch.wait(timeout=3600)
            for error in batch.errors():
                print("position", error["position"], "product", error["product_id"], error["code"], error["message_en"])
    except ApiError as error:
        print(f"{error} (code {error.code}, trace {error.trace_id}, retryable: {error.retryable})", file=sys.stderr)
        return 1
    print(f"{batch.status}: {ended['items_processed']} records applied, {ended['items_failed']} not")
    return 0 if batch.status == "COMPLETED" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
