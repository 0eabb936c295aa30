"""Batches, one with each tab and outcome, decisions, and searches."""

from integrahub.domain.people.roles import Role
from tests.console.pages import MatrixPage

PAGES = [
    MatrixPage("/console/batches", "batches"),
    MatrixPage("/console/batches?q=nothing+like+this", "No batch matches these filters."),
    MatrixPage("/console/batches?sort=rejected&since=all", "most rejected first"),
    MatrixPage("/console/batches/{batch}", "completed"),
    MatrixPage("/console/batches/{batch}?tab=changes", "updated"),
    MatrixPage("/console/batches/{batch}?tab=file", "SHA-256"),
    MatrixPage("/console/batches/{partial}?tab=blocks", "Attempts"),
    MatrixPage("/console/batches/{partial}", "as it was sent"),
    MatrixPage("/console/batches/{failed}", "the file ends here"),
    MatrixPage("/console/batches/{held}", "Decide"),
    MatrixPage("/console/batches/{partial}/replay", "Replay the batch", Role.OPERATOR),
    MatrixPage("/console/decisions", "awaited"),
    MatrixPage("/console/decisions/{held}", "Evidence"),
    MatrixPage("/console/search?q=farm", "Pharmacies"),
    MatrixPage("/console/search?q=nothing+like+this", "Nothing found"),
]
