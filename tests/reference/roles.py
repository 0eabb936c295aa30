"""Database roles with their grants, from a migrated database."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.reference.parts import code, list_codes, to_table
from tests.reference.translations import Translate

PAGE = "roles"
ROLES = ("integrahub_api", "integrahub_worker", "integrahub_notify", "integrahub_console")
_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_GRANTS = """
SELECT c.relname, r.role, v.verb,
  has_table_privilege(r.role, c.oid, v.verb) AS whole,
  CASE WHEN v.verb = 'DELETE' THEN '{}' ELSE ARRAY(SELECT a.attname::text FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND has_column_privilege(r.role, c.oid, a.attnum, v.verb) ORDER BY a.attnum) END AS columns
FROM pg_class c CROSS JOIN unnest(%(roles)s::text[]) AS r (role) CROSS JOIN unnest(%(verbs)s::text[]) AS v (verb)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname, array_position(%(roles)s::text[], r.role), array_position(%(verbs)s::text[], v.verb)
"""
_FUNCTIONS = """
SELECT p.proname, array_agg(r.role ORDER BY r.role) AS roles
FROM pg_proc p CROSS JOIN unnest(%(roles)s::text[]) AS r (role)
WHERE p.pronamespace = 'public'::regnamespace AND has_function_privilege(r.role, p.oid, 'EXECUTE')
  AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
GROUP BY p.oid, p.proname ORDER BY p.proname
"""
_LETTERS = dict(zip(_VERBS, ("read", "insert", "update", "delete"), strict=True))


@dataclass(frozen=True, slots=True)
class Grants:
    """What each role may do: verbs with the columns they are bound to, by table and role; and callers of functions."""

    tables: dict[str, dict[str, list[tuple[str, list[str]]]]]
    functions: list[tuple[str, list[str]]]

    def render(self, text: Translate) -> str:
        """Return for each table what each role may do, and the functions that not every role may call."""
        head = (text("table"), *(role.removeprefix("integrahub_") for role in ROLES))
        callers = ((code(name), list_codes(roles)) for name, roles in self.functions)
        functions = to_table(map(text, ("function", "may be called by")), callers)
        return "\n\n".join([to_table(head, self._rows(text)), functions])

    def _rows(self, text: Translate) -> Iterator[tuple[str, ...]]:
        for table, roles in sorted(self.tables.items()):
            yield (code(table), *(", ".join(_to_words(*grant, text) for grant in roles[role]) for role in ROLES))


def read(connection: psycopg.Connection[Any]) -> Grants:
    """Read the grants of a migrated database."""
    parameters = {"roles": list(ROLES), "verbs": list(_VERBS)}
    tables: dict[str, dict[str, list[tuple[str, list[str]]]]] = defaultdict(lambda: defaultdict(list))
    for table, role, verb, is_whole, columns in connection.execute(_GRANTS, parameters):
        if is_whole or columns:
            tables[table][role].append((verb, [] if is_whole else columns))
    return Grants(tables, connection.execute(_FUNCTIONS, parameters).fetchall())


def _to_words(verb: str, columns: list[str], text: Translate) -> str:
    word = text(_LETTERS[verb])
    return f"{word} ({list_codes(columns)})" if columns else word
