"""Configuration of Sphinx for one language, which the environment names (website/build.py)."""

import os
import sys
from pathlib import Path

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE.parent))

_LANGUAGE = os.environ["DOCS_LANGUAGE"]

project = "IntegraHub"
language = {"en": "en", "pt-BR": "pt_BR"}[_LANGUAGE]
locale_dirs = [os.environ["DOCS_LOCALES"]]
extensions = ["myst_parser", "website.extension"]
exclude_patterns = ["_files"]
master_doc = "index"
highlight_language = "text"
nitpicky = True
# A block may be a fragment of a language.
suppress_warnings = ["misc.highlighting_failure"]

myst_heading_anchors = 6
myst_heading_slug_func = "website.markdown.slug"
myst_fence_as_directive = ["mermaid"]
# Links that `website/staging.py` has resolved: only the scheme is taken off.
myst_url_schemes = {
    "http": None,
    "https": None,
    "mailto": None,
    "page": {"url": "{{path}}", "title": "{{path}}"},
    "part": {"url": "{{path}}#{{fragment}}", "title": "{{path}}"},
}

html_theme = "furo"
html_title = "IntegraHub"
html_static_path = ["static", *filter(None, [os.environ.get("DOCS_ASSETS")])]
templates_path = ["templates"]
html_css_files = ["site.css"]
html_js_files = ["language.js"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
html_domain_indices = False
html_permalinks_icon = "#"
