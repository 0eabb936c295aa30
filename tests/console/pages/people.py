"""Pages of people: own account, users, the audit log."""

from integrahub.domain.people.roles import Role
from tests.console.pages import MatrixPage

PAGES = [
    MatrixPage("/console/me", "Your data"),
    MatrixPage("/console/me?second-factor=on", "Type the code"),
    MatrixPage("/console/users?removed=yes", "Add a person", role=Role.ADMIN),
    MatrixPage("/console/users/1", "Access", role=Role.ADMIN),
    MatrixPage("/console/audit", "Who did what"),
    MatrixPage("/console/audit?action=nothing", "No action matches"),
]
