"""Database roles with their grants, from a migrated database."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import psycopg

from tests.reference.parts import code, list_codes, to_table

PAGE = "reference/roles.md"
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


def render(connection: psycopg.Connection[Any]) -> str:
    """Return for each table what each role may do, and the functions that not every role may call."""
    parameters = {"roles": list(ROLES), "verbs": list(_VERBS)}
    grants: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for table, role, verb, is_whole, columns in connection.execute(_GRANTS, parameters):
        if is_whole or columns:
            grants[table][role].append(_to_words(verb, [] if is_whole else columns))
    head = ("table", *(role.removeprefix("integrahub_") for role in ROLES))
    functions = connection.execute(_FUNCTIONS, parameters).fetchall()
    rows = ((code(name), list_codes(roles)) for name, roles in functions)
    return "\n\n".join([to_table(head, _rows(grants)), to_table(("function", "may be called by"), rows)])


def _rows(grants: dict[str, dict[str, list[str]]]) -> Iterator[tuple[str, ...]]:
    for table in sorted(grants):
        yield (code(table), *(", ".join(grants[table][role]) for role in ROLES))


def _to_words(verb: str, columns: list[str]) -> str:
    return f"{_LETTERS[verb]} ({list_codes(columns)})" if columns else _LETTERS[verb]
