"""The help that the console serves."""

from tests.console.pages import MatrixPage

PAGES = [MatrixPage("/console/help/alerts.html", "Alerts")]
