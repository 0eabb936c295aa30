"""Extension of Sphinx: diagrams, the same anchors in both languages, and the switch between them."""

import html
import json
import os
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_BEFORE_TABLES_OF_CONTENTS = 100
_OF_BOTH_LANGUAGES = {"search"}
_DRAWN = "drawn"  # class around a diagram; Mermaid itself looks for its own name


class Mermaid(SphinxDirective):
    """A diagram as text, drawn by the browser."""

    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """Return the text for the browser's script; without the script, readers see the text."""
        text = html.escape("\n".join(self.content))
        node = nodes.raw("", f'<figure class="diagram"><pre class="mermaid">\n{text}\n</pre></figure>\n', format="html")
        node["classes"].append(_DRAWN)
        return [node]


@cache
def _facts() -> dict[str, Any]:
    """Return what `website/build.py` wrote: anchors by page, and the pages that there are in the other language."""
    facts: dict[str, Any] = json.loads(Path(os.environ["DOCS_FACTS"]).read_text("utf-8"))
    return facts


def _set_anchors(app: Sphinx, doctree: nodes.document) -> None:
    """Begin the ids of each heading with the anchor of the English page."""
    anchors = _facts()["anchors"].get(app.env.current_document.docname, [])
    sections = list(doctree.findall(nodes.section))
    if len(sections) != len(anchors):
        return
    for section, anchor in zip(sections, anchors, strict=True):
        section["ids"] = [anchor, *(known for known in section["ids"] if known != anchor)]


def _complete_page(app: Sphinx, name: str, _: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Give the template the other language's page, and the page the script of its diagrams."""
    facts, root = _facts(), "../" * (name.count("/") + 1)
    has_twin = name in facts["twins"] or name in _OF_BOTH_LANGUAGES
    context["other_language"] = facts["other"]
    context["other_page"] = f"{root}{facts['other']}/{name if has_twin else 'index'}.html"
    context["has_twin"] = has_twin
    context["plain_page"] = f"{name.rpartition('/')[2]}.md" if doctree is not None else ""
    if doctree is not None and any(_DRAWN in node["classes"] for node in doctree.findall(nodes.raw)):
        app.add_js_file("mermaid.min.js")
        app.add_js_file("diagrams.js")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("mermaid", Mermaid)
    app.connect("doctree-read", _set_anchors, priority=_BEFORE_TABLES_OF_CONTENTS)
    app.connect("html-page-context", _complete_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
