"""States and the moves between them, from `domain`."""

import ast
import re
from collections.abc import Sequence
from enum import StrEnum

from integrahub.domain import batches
from integrahub.domain.batches import BATCH_MOVES, CHUNK_MOVES, DEACTIVATION_MOVES, Move
from integrahub.domain.webhooks import states
from integrahub.domain.webhooks.states import DELIVERY_MOVES
from tests.reference.parts import ROOT, code, to_table
from tests.reference.translations import Translate

# Title of the section, the states, and the moves between them.
SECTIONS: tuple[tuple[str, type[StrEnum], Sequence[Move]], ...] = (
    ("Load types", batches.LoadType, ()),
    ("Kinds of batches", batches.BatchKind, ()),
    ("Status of a batch", batches.BatchStatus, BATCH_MOVES),
    ("Stage of a batch", batches.Stage, ()),
    ("Status of a chunk", batches.ChunkStatus, CHUNK_MOVES),
    ("Deactivation of a FULL", batches.DeactivationState, DEACTIVATION_MOVES),
    ("Owner of a webhook endpoint", states.EndpointOwner, ()),
    ("State of a webhook endpoint", states.EndpointState, ()),
    ("State of a webhook delivery", states.DeliveryState, DELIVERY_MOVES),
)
_MEANING = re.compile(r'^    [A-Z_]+ = "([^"]+)"  #:? (.+)$', re.MULTILINE)


def describe(kind: type[StrEnum]) -> dict[str, str]:
    """Return the meaning of each value: the comment on its line in the module."""
    path = ROOT / "src" / f"{kind.__module__.replace('.', '/')}.py"
    source = path.read_text("utf-8")
    node = next(n for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and n.name == kind.__name__)
    return dict(_MEANING.findall("\n".join(source.splitlines()[node.lineno : node.end_lineno])))


def render(text: Translate) -> str:
    """Return a section for each machine: its states, its moves in words, and the diagram."""
    return "\n\n".join(_section(*section, text) for section in SECTIONS)


def _section(title: str, kind: type[StrEnum], moves: Sequence[Move], text: Translate) -> str:
    meanings = describe(kind)
    rows = ((code(value), text(meanings[value])) for value in kind)
    parts = [f"## {text(title)}", to_table(map(text, ("value", "meaning")), rows)]
    return "\n\n".join([*parts, *([_sentence(moves, text), _table(moves, text), _diagram(moves)] if moves else [])])


def _sentence(moves: Sequence[Move], text: Translate) -> str:
    starts = [code(move.after) for move in moves if move.before is None]
    befores = {move.before for move in moves}
    ends = [code(state) for state in dict.fromkeys(move.after for move in moves) if state not in befores]
    either = text(" or ")
    begin = text("It begins as {starts}.").format(starts=either.join(starts))
    end = text("It ends in {ends}.").format(ends=either.join(ends)) if ends else text("It has no last state.")
    return f"{begin} {end} {text('No other moves exist.')}"


def _table(moves: Sequence[Move], text: Translate) -> str:
    rows = ((code(move.before or ""), code(move.after), text(move.cause)) for move in moves)
    return to_table(map(text, ("from", "to", "when")), rows)


def _diagram(moves: Sequence[Move]) -> str:
    lines = [f"  {move.before or '[*]'} --> {move.after}" for move in moves]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])
