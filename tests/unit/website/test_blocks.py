"""Blocks of commands and their reasons, which each page counts."""

from pathlib import PurePosixPath

from website.blocks import append_summary, list_blocks
from website.pages import Page

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
