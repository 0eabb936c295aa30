"""Blocks of commands and their reasons; every page with commands says for each block whether a test runs it."""

from pathlib import Path, PurePosixPath

from website.blocks import append_summary, has_commands, list_blocks
from website.pages import Page, Pages

from website import markdown

_TEXT = """# Page

```sh
true
```

<!-- not run: needs a cluster -->
```sh
kubectl get pods
```

```json
{}
```
"""
_PROGRAMS = ("curl ", "integrahub ", "make ", "pip ", "docker ", "kubectl ", "python ", "export ", "tar ", "sudo ")
_PAGES = Pages(Path(__file__).parents[3])


def test_a_block_has_its_line_and_the_reason_before_it() -> None:
    first, second = list_blocks(_TEXT)
    assert (first.text, first.line, first.reason) == ("true\n", 3, "")
    assert (second.line, second.reason) == (8, "needs a cluster")


def test_a_page_counts_its_reasons() -> None:
    page = Page(PurePosixPath("docs/howto/x.md"), "howto/x", "en")
    assert "Of the 2 blocks of commands on this page, tests run 1 as written; 1 carry a reason." in append_summary(
        page, _TEXT
    )
    assert append_summary(Page(PurePosixPath("docs/why/x.md"), "why/x", "en"), _TEXT) == _TEXT


def test_commands_stand_in_blocks_that_name_the_shell() -> None:
    pages = [page for page in _PAGES.by_path.values() if has_commands(page)]
    assert len(pages) > 8
    assert [str(page.path) for page in pages if _hidden_commands(_PAGES.read(page))] == []


def _hidden_commands(text: str) -> list[str]:
    """Return blocks that begin with a program, but would neither be run nor need a reason."""
    tokens = [token for token in markdown.parse(text) if token.type in ("fence", "code_block")]
    unnamed = [
        token.content for token in tokens if token.type == "code_block" or token.info.strip() in ("", "text", "bash")
    ]
    return [content for content in unnamed if content.lstrip().startswith(_PROGRAMS)]
