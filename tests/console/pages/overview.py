"""The overview, and errors."""

from tests.console.pages import MatrixPage

PAGES = [
    MatrixPage("/console", "Throughput", dialogs=("keys",)),
    MatrixPage("/console?range=7d", "Throughput"),
    MatrixPage("/console/nothing-here", "There is no such page", status=404),
]
