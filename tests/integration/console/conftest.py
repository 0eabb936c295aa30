"""A database with what the console reads: pharmacies, batches, dead letters, figures, refusals."""

from collections.abc import Iterator

import pytest

from integrahub.db.database import Database
from tests.conftest import Server
from tests.filled_databases import filled_database
from tests.integration.console.plans import Plans

_FILL = (
    "INSERT INTO pharmacies (cnpj, name) SELECT lpad(n::text, 14, '0'), 'Farmácia ' || n FROM generate_series(1, 40) n",
    "INSERT INTO pharmacy_turns (pharmacy_id, last_seq) SELECT n, 200 FROM generate_series(1, 40) n",
    # Pharmacy 1 posts every hour and fell silent 5 hours ago; the others posted a minute ago.
    """INSERT INTO batches
        (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, stage, received_at, finished_at)
      SELECT gen_random_uuid(), f, s, 'delta', 1, '', 'COMPLETED', 'done', at, at
      FROM generate_series(1, 40) f, generate_series(1, 200) s,
        LATERAL (SELECT now() - CASE f WHEN 1 THEN interval '5 hours' ELSE interval '1 minute' END
          - make_interval(hours => 200 - s) AS at) t""",
    """INSERT INTO pharmacy_rhythms (pharmacy_id, posts, last_at, usual_gap, longest_gap)
      SELECT pharmacy_id, 50, max(received_at), interval '1 hour', interval '1 hour'
      FROM batches GROUP BY pharmacy_id""",
    """INSERT INTO dead_letters (batch_id, chunk, cnpj, records, error_class, error_code, culprit, message, stack,
        attempts, fingerprint, created_at, settled_at)
      SELECT gen_random_uuid(), n, lpad((n % 3 + 1)::text, 14, '0'), 1, 'StatementTimeout', 'statement_timeout',
        'merge', 'message ' || n, '', '[]', 'cause ' || n % 4, now() - make_interval(mins => n),
        CASE WHEN n % 4 = 3 THEN now() END
      FROM generate_series(1, 6000) n""",
    """INSERT INTO refusals SELECT date_trunc('hour', now(), 'UTC') - make_interval(hours => h), lpad(f::text, 14, '0'),
        'key K' || f, 'key_expired', '192.0.2.' || f, 2, now() - make_interval(hours => h, mins => 1)
      FROM generate_series(1, 40) f, generate_series(0, 99) h""",
    """INSERT INTO figure_minutes (at, seconds, posts, inserted, completed, backlog, workers)
      SELECT date_trunc('minute', now()) - make_interval(mins => n), 60, 6, 600, 1, n, 2
      FROM generate_series(1, 1500) n""",
    """INSERT INTO figure_hours (at, seconds, posts, inserted, completed, partial_fail, backlog)
      SELECT date_trunc('hour', now(), 'UTC') - make_interval(hours => n), 3600, 360, 36000, 50, 10, n
      FROM generate_series(0, 9600) n""",
    """INSERT INTO pharmacy_days SELECT f, current_date - n, 1000 - n, 1, 0, 10, 1
      FROM generate_series(1, 40) f, generate_series(0, 100) n""",
    """INSERT INTO failure_hours
      SELECT 'cause ' || c, date_trunc('hour', now(), 'UTC') - make_interval(hours => h), h + 1
      FROM generate_series(0, 3) c, generate_series(0, 99) h""",
    """INSERT INTO webhook_deliveries (endpoint_id, event, state) SELECT gen_random_uuid(), 'batch.completed', 'held'
      FROM generate_series(1, 2000)""",
    """INSERT INTO audit_log (actor, action, subject, address)
      SELECT 'a', 'key.create', n::text, '' FROM generate_series(1, 5000) n""",
    "VACUUM ANALYZE",
)


@pytest.fixture(scope="module")
def filled_template(postgres: Server) -> Iterator[str]:
    """Yield the name of a filled database, which the tests of a module copy."""
    with filled_database(postgres, _FILL) as name:
        yield name


@pytest.fixture
def filled(postgres: Server, filled_template: str, database_url: str) -> str:
    """Return the URL of the test's database, filled."""
    name = database_url.partition("@/")[2].partition("?")[0]
    postgres.drop_database(name)
    return postgres.create_database(name, filled_template)


@pytest.fixture
def plans(filled: str, database: Database) -> Plans:
    """Return what explains statements on the filled database."""
    return Plans(database)
