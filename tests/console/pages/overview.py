"""The overview, and errors."""

from tests.console.pages import MatrixPage

PAGES = [
    MatrixPage("/console", "Overview", dialogs=("keys",)),
    MatrixPage("/console?range=7d", "Overview"),
    MatrixPage("/console/nothing-here", "There is no such page", status=404),
]
