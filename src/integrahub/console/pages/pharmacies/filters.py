"""Filters, search, order and paging of the list of pharmacies, over the rows of one read."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from integrahub.db.console.pharmacies_rows import PharmacySummary
from integrahub.domain.freshness.rhythm import PharmacyState
from integrahub.domain.pharmacies import unmask

PAGE_SIZE = 50
_MAX_SEARCH_LENGTH = 200
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_URGENCY = tuple(PharmacyState)


@dataclass(frozen=True, slots=True)
class Entry:
    """A pharmacy of the list with its states, the most urgent first. `rejected` is read for the order by it alone."""

    summary: PharmacySummary
    states: Sequence[PharmacyState]
    rejected: int = 0

    @property
    def urgency(self) -> int:
        """Place of its most urgent state."""
        return _URGENCY.index(self.states[0])


def _by_urgency(entry: Entry) -> tuple[object, ...]:
    return entry.urgency, entry.summary.last_at or _NEVER, entry.summary.cnpj


def _by_name(entry: Entry) -> tuple[object, ...]:
    return fold(entry.summary.name), entry.summary.cnpj


def _by_last_post(entry: Entry) -> tuple[object, ...]:
    return entry.summary.last_at or _NEVER, entry.summary.cnpj


def _by_cnpj(entry: Entry) -> tuple[object, ...]:
    return (entry.summary.cnpj,)


def _by_rejected(entry: Entry) -> tuple[object, ...]:
    return -entry.rejected, entry.summary.cnpj


SORTS: Mapping[str, Callable[[Entry], tuple[object, ...]]] = {
    "urgent": _by_urgency,
    "name": _by_name,
    "last": _by_last_post,
    "cnpj": _by_cnpj,
    "rejected": _by_rejected,
}


@dataclass(frozen=True, slots=True)
class ListFilters:
    """Parameters of the list's URL; '' matches all. `cursor` is the CNPJ after which the page begins."""

    q: str = ""
    state: str = ""
    uf: str = ""
    sort: str = "urgent"
    cursor: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "ListFilters":
        """Read the parameters. A value that does not exist counts as absent."""
        state, sort = query.get("state", ""), query.get("sort", "")
        return cls(
            query.get("q", "").strip()[:_MAX_SEARCH_LENGTH],
            state if state in set(PharmacyState) else "",
            query.get("uf", "")[:20],
            sort if sort in SORTS else "urgent",
            query.get("cursor", "")[:20],
        )

    def matches(self, entry: Entry) -> bool:
        """Return whether a pharmacy is shown."""
        summary = entry.summary
        return (
            (not self.state or PharmacyState(self.state) in entry.states)
            and (not self.uf or summary.uf == self.uf)
            and (not self.q or _contains(summary, self.q))
        )


@dataclass(frozen=True, slots=True)
class PharmacyPage:
    """A page of the list, with the number of pharmacies that match and the cursor of the next page."""

    entries: Sequence[Entry]
    matched: int
    next_cursor: str | None


def select_page(entries: Sequence[Entry], filters: ListFilters) -> PharmacyPage:
    """Return the page of the pharmacies that match. A cursor that no longer matches leads to the first page."""
    matching = sorted(filter(filters.matches, entries), key=SORTS[filters.sort])
    start = next((i + 1 for i, entry in enumerate(matching) if entry.summary.cnpj == filters.cursor), 0)
    shown = matching[start : start + PAGE_SIZE]
    has_more = len(matching) > start + PAGE_SIZE
    return PharmacyPage(shown, len(matching), shown[-1].summary.cnpj if has_more else None)


def count_states(entries: Sequence[Entry]) -> Mapping[str, int]:
    """Return the number of pharmacies in each state; one in several states counts in each."""
    counts = Counter(state for entry in entries for state in entry.states)
    return {state: counts[state] for state in PharmacyState}


def fold(text: str) -> str:
    """Return a text without accents and differences of case, for searching and sorting."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _contains(summary: PharmacySummary, text: str) -> bool:
    wanted = fold(text)
    return any(wanted in fold(value) for value in (summary.name, summary.city)) or (
        len(unmask(text)) > 2 and unmask(text) in summary.cnpj
    )
