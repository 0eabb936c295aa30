"""Pages of people: sign-in, own account, users, audit."""

from integrahub.domain.people.roles import Role
from tests.console.pages import MatrixPage

PAGES = [
    MatrixPage("/console/me"),
    MatrixPage("/console/users", role=Role.ADMIN),
    MatrixPage("/console/audit"),
]
