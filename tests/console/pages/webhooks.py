"""Webhooks: addresses, deliveries, one of each."""

from integrahub.domain.people.roles import Role
from tests.console.pages import MatrixPage

PAGES = [
    MatrixPage("/console/webhooks", "Owner"),
    MatrixPage("/console/webhooks?state=all", "Address of the operator of the hub", Role.ADMIN),
    MatrixPage("/console/webhooks?state=disabled", "No address matches this filter."),
    MatrixPage("/console/webhooks/deliveries", "Deliveries of the last 30 days"),
    MatrixPage("/console/webhooks/deliveries/{delivery}", "Text of the answer"),
    MatrixPage("/console/webhooks/{endpoint}", "Send a test event", Role.OPERATOR),
    MatrixPage("/console/webhooks/{endpoint}", "Owner"),
]
