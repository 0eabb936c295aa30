"""When a process that ended unasked is started again, decided purely: the fleet does the waiting and the starting."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Growing pauses; the `loop`-th death in a row makes a crash loop, tried slowly a few times, then left. Seconds.

    Deaths are in a row unless the process lived longer than `steady` between them.
    """

    first: float = 0.2
    longest: float = 30.0
    steady: float = 60.0
    loop: int = 6
    slow: float = 300.0
    slow_tries: int = 5

    def deaths(self, before: int, lived: float) -> int:
        """Deaths in a row, after another one that came `lived` seconds after the start."""
        return 1 if lived > self.steady else before + 1

    def is_loop(self, deaths: int) -> bool:
        """Whether so many deaths in a row are a crash loop, which is told to people."""
        return deaths >= self.loop

    def pause(self, deaths: int) -> float | None:
        """Seconds until the next start after so many deaths in a row; None: only a person's order starts it."""
        tries = deaths - self.loop
        if tries < 0:
            return min(self.longest, self.first * 2.0 ** (deaths - 1))
        return self.slow * 2.0**tries if tries < self.slow_tries else None
