"""Failures: causes, one cause, one dead letter, replays."""

from integrahub.domain.people.roles import Role
from tests.console.pages import MatrixPage

PAGES = [
    MatrixPage("/console/failures", "work from being applied"),
    MatrixPage("/console/failures?state=all&cause=nothing-here", "No cause matches this filter."),
    MatrixPage("/console/failures/{cause}", "Latest sample"),
    MatrixPage("/console/failures/{cause}", "Mute this cause until a date", Role.OPERATOR),
    MatrixPage("/console/failures/dead-letters/{letter}", "Stack"),
    MatrixPage("/console/failures/replay?error={cause}", "A replay cannot be undone", Role.OPERATOR),
    MatrixPage("/console/failures/replays", "Replays of dead letters"),
    MatrixPage("/console/failures/replays/{operation}", "Started by"),
]
