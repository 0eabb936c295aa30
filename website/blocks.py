"""Blocks of commands in a page, and why a test does not run one: `<!-- not run: REASON -->` before the block."""

import re
from dataclasses import dataclass

from website import markdown
from website.pages import ENGLISH, PORTUGUESE, Page

_REASON = re.compile(r"<!-- not run: (.*?) -->\s*\Z", re.DOTALL)
_SUMMARIES = {
    ENGLISH: "Of the {count} blocks of commands on this page, tests run {run} as written; {reasons} carry a reason.",
    PORTUGUESE: "De {count} blocos de comandos desta página, testes executam {run} como estão; {reasons} têm razão.",
}
_FOLDERS = ("tutorial/", "howto/", "runbook/", "project/readme")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of shell commands; `reason` says why a test does not run it, or is empty."""

    text: str
    line: int
    reason: str


def has_commands(page: Page) -> bool:
    """Return True for pages whose commands a person runs: README, tutorial, how-tos and runbook."""
    return page.name.startswith(_FOLDERS)


def list_blocks(text: str) -> list[Block]:
    """Return the blocks of commands of a page."""
    found, before = [], ""
    for token in markdown.parse(text):
        if token.type == "fence" and token.info.split()[:1] == ["sh"]:
            reason = _REASON.search(before)
            found.append(Block(token.content, (token.map or [0])[0] + 1, reason[1] if reason else ""))
        before = token.content if token.type == "html_block" else ""
    return found


def append_summary(page: Page, text: str) -> str:
    """Return the text of a page with how many of its blocks tests run, and how many carry a reason."""
    blocks = list_blocks(text) if has_commands(page) else []
    if not blocks:
        return text
    reasons = sum(bool(block.reason) for block in blocks)
    facts = {"count": len(blocks), "run": len(blocks) - reasons, "reasons": reasons}
    return f"{text.rstrip()}\n\n---\n\n{_SUMMARIES[page.language].format(**facts)}\n"
