"""Timeouts of a process on its dependencies."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Timeouts in seconds. PostgreSQL enforces `statement` and `lock`, this process all others.

    - `pool`: until a connection is free.
    - `answer`: of one exchange with PostgreSQL: a statement, a commit, a block of COPY. It is longer than `statement`,
      so a responsive server cancels the statement first and keeps the connection.
    - `commit`: how long a client waits for the commit of its batch while no commit succeeds.
    - `storage`: without any progress; the time to receive the client's body does not count.
    """

    pool: float = 10.0
    answer: float = 130.0
    statement: float = 120.0
    lock: float = 30.0
    commit: float = 8.0
    storage: float = 30.0


#: Long, because large statements are legitimate and no client waits for a worker.
WORKER_DEADLINES = Deadlines()
#: Short enough for an answer to the client within ten seconds, whichever dependency hangs.
API_DEADLINES = Deadlines(pool=2.0, answer=5.0, statement=4.5, lock=4.0, storage=7.0)


def read_deadlines(statement: float) -> Deadlines:
    """Return the timeouts of client reads whose statements may take `statement` seconds."""
    return Deadlines(pool=2.0, answer=statement + 1.0, statement=statement, lock=statement + 1.0)
