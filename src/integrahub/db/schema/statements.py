"""Statements of a script, and the lock that each takes on a table. Pure.

A lock of the table below stops others: SHARE stops writes, ACCESS EXCLUSIVE stops reads too. The tests compare the
locks with those that PostgreSQL takes for every migration of the hub.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?P<tag>\$\w*\$).*?(?P=tag)|;|[^-/'\"$;]+|.", re.DOTALL
)
_BODY_START, _BODY_END = re.compile(r"\bBEGIN\s+ATOMIC\b", re.IGNORECASE), re.compile(r"\bEND\s*$", re.IGNORECASE)
_NAME = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?(?P<name>[\w.]+)"
_ACCESS_EXCLUSIVE, _SHARE, _SHARE_UPDATE = "ACCESS EXCLUSIVE", "SHARE", "SHARE UPDATE EXCLUSIVE"
_ROW, _SHARE_ROW = "ROW EXCLUSIVE", "SHARE ROW EXCLUSIVE"
# In this order: the first pattern that a statement begins with names its table and lock.
_LOCKS = [
    (rf"CREATE\s+TABLE\s+{_NAME}\s+PARTITION\s+OF\s+(?P<parent>[\w.]+)", _ACCESS_EXCLUSIVE),
    (rf"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+{_NAME}\s+ON\s+(?:ONLY\s+)?(?P<parent>[\w.]+)", _SHARE_UPDATE),
    (rf"CREATE\s+(?:UNIQUE\s+)?INDEX\s+{_NAME}\s+ON\s+(?:ONLY\s+)?(?P<parent>[\w.]+)", _SHARE),
    (rf"ALTER\s+TABLE\s+{_NAME}\s+VALIDATE\s+CONSTRAINT", _SHARE_UPDATE),
    (rf"ALTER\s+TABLE\s+{_NAME}\s+(?:ALTER\s+COLUMN\s+\w+\s+SET\s+STATISTICS|SET\s*\()", _SHARE_UPDATE),
    (rf"ALTER\s+TABLE\s+{_NAME}\s+(?:ENABLE|DISABLE)\s+TRIGGER", _SHARE_ROW),
    (rf"(?:ALTER|DROP)\s+TABLE\s+{_NAME}", _ACCESS_EXCLUSIVE),
    (rf"DROP\s+INDEX\s+CONCURRENTLY\s+{_NAME}", _SHARE_UPDATE),
    (rf"(?:DROP|ALTER)\s+INDEX\s+{_NAME}", _ACCESS_EXCLUSIVE),
    (rf"(?:CREATE|DROP|ALTER)\s+POLICY\s+\w+\s+ON\s+{_NAME}", _ACCESS_EXCLUSIVE),
    (rf"CREATE\s+(?:OR\s+REPLACE\s+)?TRIGGER\s+\w+\s+(?:BEFORE|AFTER)[\w\s,]*?\sON\s+{_NAME}", _SHARE_ROW),
    (rf"DROP\s+TRIGGER\s+(?:IF\s+EXISTS\s+)?\w+\s+ON\s+{_NAME}", _ACCESS_EXCLUSIVE),
    (rf"TRUNCATE\s+(?:TABLE\s+)?{_NAME}", _ACCESS_EXCLUSIVE),
    (rf"(?:UPDATE|DELETE\s+FROM|INSERT\s+INTO)\s+{_NAME}", _ROW),
    (rf"WITH\b.*?\b(?:UPDATE|DELETE\s+FROM|INSERT\s+INTO)\s+{_NAME}", _ROW),
    (rf"COMMENT\s+ON\s+(?:TABLE|VIEW)\s+{_NAME}", _SHARE_UPDATE),
    (r"COMMENT\s+ON\s+COLUMN\s+(?P<name>(?:\w+\.)?\w+)\.\w+", _SHARE_UPDATE),
]
_PATTERNS = [(re.compile(pattern, re.IGNORECASE | re.DOTALL), lock) for pattern, lock in _LOCKS]
_CREATED = re.compile(rf"CREATE\s+TABLE\s+{_NAME}", re.IGNORECASE)
_REWRITE = re.compile(r"\bSTORED\b|ALTER\s+COLUMN\s+\w+\s+(?:SET\s+DATA\s+)?TYPE\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `table` is the table, or the index, that it locks; None: none that exists."""

    text: str
    table: str | None = None
    lock: str | None = None
    rewrites: bool = False

    @property
    def is_opaque(self) -> bool:
        """Whether its locks depend on what it executes."""
        return self.text[:3].upper() == "DO " or self.text[:7].upper() == "SELECT "


def split(script: str) -> Iterator[str]:
    """Yield the statements of a script without comments, each on one line."""
    parts: list[str] = []
    for token in _TOKEN.finditer(script):
        text = token[0]
        if text.startswith(("--", "/*")):
            continue
        if text != ";" or _is_in_body("".join(parts)):
            parts.append(text)
            continue
        if statement := _squeeze(parts):
            yield statement
        parts = []
    if statement := _squeeze(parts):
        yield statement


def _is_in_body(text: str) -> bool:
    """Return whether a function's body in standard SQL has begun and not ended."""
    return bool(_BODY_START.search(text)) and not _BODY_END.search(text)


def _squeeze(parts: list[str]) -> str:
    return " ".join("".join(parts).split())


def classify(script: str) -> list[Statement]:
    """Return the statements of a script with their locks on tables that existed before it."""
    created: set[str] = set()
    result = []
    for text in split(script):
        if match := _CREATED.match(text):
            created.add(match["name"])
        table, lock = _find_lock(text)
        is_new = table in created
        rewrites = bool(table and not is_new and lock == _ACCESS_EXCLUSIVE and _REWRITE.search(text))
        result.append(Statement(text) if is_new else Statement(text, table, lock, rewrites))
    return result


def _find_lock(text: str) -> tuple[str | None, str | None]:
    for pattern, lock in _PATTERNS:
        if match := pattern.match(text):
            names = match.groupdict()
            return names.get("parent") or names["name"], lock
    return None, None
