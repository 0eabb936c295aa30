"""Plugin of pytest: the garbage collector passes over modules and collected tests, as it does in the hub."""

import gc


def pytest_collection_finish() -> None:
    """Freeze what the whole session keeps; each full collection of it would take 0.4 s."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)  # as in the processes of the API
