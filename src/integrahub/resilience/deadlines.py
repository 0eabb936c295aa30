"""How long a process waits for what it depends on, whatever the other side does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `statement` and `lock` are enforced by PostgreSQL itself, all others by this process.

    - `pool`: until a connection is free.
    - `answer`: for one exchange with PostgreSQL: a statement, a commit, a block of COPY. It is longer than `statement`,
      so that a server that lives gives up first and keeps the connection.
    - `commit`: how long a client waits for its batch, also behind the commits of others.
    - `storage`: without any progress; the time a client takes for its body does not count.
    """

    pool: float = 10.0
    answer: float = 130.0
    statement: float = 120.0
    lock: float = 30.0
    commit: float = 8.0
    storage: float = 30.0


#: Workers: large statements are legitimate, and no client waits.
WORKING = Deadlines()
#: The API: a client gets its answer within ten seconds, whichever dependency is frozen.
ANSWERING = Deadlines(pool=2.0, answer=5.0, statement=4.5, lock=4.0, storage=7.0)


def reading(statement: float) -> Deadlines:
    """Return the deadlines of clients' reads, each statement of which may take so many seconds."""
    return Deadlines(pool=2.0, answer=statement + 1.0, statement=statement, lock=statement + 1.0)
