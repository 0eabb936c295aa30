"""Journal of a rollout: one JSON object per line and event, appended to a file, and one sentence on the terminal."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Journal:
    """Writer of the events of one rollout. Each line is in the file before the next step begins."""

    path: Path
    rollout: str

    def write(self, event: str, **fields: object) -> None:
        """Append an event."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": at, "rollout": self.rollout, "event": event, **fields}) + "\n")
        facts = ", ".join(f"{name} {value}" for name, value in fields.items() if name != "output")
        print(f"{at} {event}: {facts}", file=sys.stderr, flush=True)

    @contextmanager
    def step(self, event: str, **fields: object) -> Iterator[dict[str, object]]:
        """Write how a step ended and how long it took. The block may add fields."""
        begin, added = time.monotonic(), dict(fields)
        try:
            yield added
        except BaseException as error:
            reason = str(error) or type(error).__name__
            self.write(event, **added, result="failed", seconds=_since(begin), reason=reason)
            raise
        self.write(event, **added, result="done", seconds=_since(begin))


def _since(begin: float) -> float:
    return round(time.monotonic() - begin, 2)
