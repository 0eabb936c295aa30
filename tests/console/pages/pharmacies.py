"""Pharmacies: the list, and one with every tab."""

from integrahub.domain.people.roles import Role
from tests.console.pages import MatrixPage

_ONE = "/console/pharmacies/{cnpj}"
PAGES = [
    MatrixPage("/console/pharmacies", "asks for attention"),
    MatrixPage("/console/pharmacies?state=silent&q=nothing", "No pharmacy matches these filters"),
    MatrixPage(_ONE, "awaits a decision"),
    MatrixPage(f"{_ONE}?tab=size", "Search products"),
    MatrixPage(f"{_ONE}?tab=rejected", "Reason"),
    MatrixPage(f"{_ONE}?tab=fields", "fields"),
    MatrixPage(f"{_ONE}?tab=refusals", "refused"),
    MatrixPage(f"{_ONE}?tab=keys", "valid"),
    MatrixPage(f"{_ONE}?tab=keys#", "New key", role=Role.ADMIN),
    MatrixPage(f"{_ONE}?tab=webhook", "Change the address", role=Role.ADMIN),
    MatrixPage(f"{_ONE}?tab=settings", "Save settings", role=Role.ADMIN),
    MatrixPage(f"{_ONE}?tab=audit", "Key created"),
    MatrixPage("/console/pharmacies/{other_cnpj}", "FULL"),
    MatrixPage("/console/pharmacies/00000000000000", "There is no such page", status=404),
]
