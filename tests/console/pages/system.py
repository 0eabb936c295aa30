"""The system page, with the settings that differ and with all."""

from tests.console.pages import MatrixPage

PAGES = [
    MatrixPage("/console/system", "Settings in force"),
    MatrixPage("/console/system?settings=all", "CHUNK_SIZE"),
]
