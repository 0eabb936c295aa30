"""`python -m bench.figures_cost`: CPU that figures over time take, against the CPU of the posts that they count.

An accepted post pays for its share of the counts that a worker makes every ten seconds: CPU of the worker and of its
PostgreSQL session, after `--posts` small posts within two minutes, which is what one count reads. A refused post pays
for one addition in the API process. Both are compared with `--post-ms`, the CPU of a small post (`bench.webhook_cost`).
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import psycopg
from rich.console import Console

from integrahub.access.refusals import RefusalCounts
from integrahub.api.middleware.refused_posts import count_refused_post
from integrahub.db.database import Database
from integrahub.db.embedded.server import EmbeddedPostgres
from integrahub.db.monitoring import figures
from integrahub.db.monitoring.figures import LiveCounts
from integrahub.db.schema.migrate import migrate
from integrahub.domain.api_keys import generate_key

_OUT = Console()
_COUNTS, _REFUSALS = 15, 50_000
_WINDOW_SECONDS, _INTERVAL_SECONDS = 120, 10
_FILL = """
WITH p AS (INSERT INTO pharmacies (cnpj, name) VALUES ('1', 'P') RETURNING id),
b AS (INSERT INTO batches
    (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, stage, received_at, finished_at)
  SELECT uuidv7(), p.id, n, 'delta', 1, '', 'COMPLETED', 'done', at, at FROM p, generate_series(1, %(posts)s) n,
    LATERAL (SELECT now() - make_interval(secs => 120.0 * n / %(posts)s) AS at) t RETURNING id, finished_at)
INSERT INTO batch_chunks (batch_id, number, location, records, ids, hashes, status, inserted, finished_at)
SELECT id, 0, 'body', 10, '{}', '{}', 'COMPLETED', 10, finished_at FROM b
"""


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


async def _count(url: str, posts: int) -> float:
    """Return the CPU seconds of one count, worker and PostgreSQL together."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL, {"posts": posts})
        connection.execute("VACUUM ANALYZE")
    database = Database(url, size=1, min_size=1)
    await database.open()
    async with database.transaction() as opened:
        server = opened.info.backend_pid
    await figures.save_minutes(database, LiveCounts(0, 1, 1))
    before = _cpu(server) + process_time()
    for _ in range(_COUNTS):
        await figures.save_minutes(database, LiveCounts(0, 1, 1))
    used = _cpu(server) + process_time() - before
    await database.close()
    return used / _COUNTS


async def _refuse() -> float:
    """Return the CPU seconds of counting one refused post: the median of five runs."""
    key = generate_key().text.encode()
    scope: dict[str, Any] = {"type": "http", "refusal": "key_expired", "headers": [(b"x-api-key", key)]}
    counts, used = RefusalCounts(Database("postgresql://")), []
    for _ in range(5):
        before = process_time()
        for number in range(_REFUSALS):
            count_refused_post(counts, scope | {"client": (f"192.0.2.{number % 200}", 1)})
        used.append((process_time() - before) / _REFUSALS)
    return statistics.median(used)


async def main(posts: int, post_seconds: float) -> None:
    """Print both shares."""
    with tempfile.TemporaryDirectory(prefix="ihub-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        engine = EmbeddedPostgres(Path(folder))
        try:
            url = await engine.start()
            await migrate(url)
            counting = await _count(url, posts)
        finally:
            await engine.stop()
    counted = posts / _WINDOW_SECONDS * _INTERVAL_SECONDS
    share = counting / (counted * post_seconds)
    rate = posts / _WINDOW_SECONDS
    _OUT.print(f"accepted: {1000 * counting:.1f} ms a count at {rate:.0f} posts/s, {share:.2%} of the CPU of a post")
    refusing = await _refuse()
    _OUT.print(f"refused: {1e6 * refusing:.1f} us a post, {refusing / post_seconds:.2%} of the CPU of a post")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=12_000)
    parser.add_argument("--post-ms", type=float, default=3.0)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.posts, arguments.post_ms / 1000))
