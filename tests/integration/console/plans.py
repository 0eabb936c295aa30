"""Plans of statements: which tables they read whole, and which indexes they use."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

from integrahub.db.database import Database


@dataclass(frozen=True)
class Plans:
    """Explains statements."""

    database: Database

    async def nodes(self, statement: LiteralString, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the nodes of the plan of a statement."""
        async with self.database.transaction() as connection:
            row: Any = await (await connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", params)).fetchone()
        plan = row[0] if isinstance(row, tuple) else next(iter(row.values()))
        return list(_walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))

    async def whole(self, statement: LiteralString, params: dict[str, Any]) -> set[str]:
        """Return the tables that a statement reads whole."""
        nodes = await self.nodes(statement, params)
        return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}


def _walk(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _walk(inner)
