"""An entry of the runbook that a test follows on a hub with its fault: what the test does must stand in it."""

import shlex
from dataclasses import dataclass

from integrahub.domain.languages import Language
from integrahub.runbook.pages import list_entries


@dataclass(frozen=True, slots=True)
class FollowedEntry:
    """What an operator reads. Words in capitals are filled in: `ID`, `CNPJ`, `NAME`."""

    anchor: str

    @property
    def text(self) -> str:
        return list_entries(Language.EN)[self.anchor].text

    def command(self, command: str, **words: str) -> list[str]:
        """Return the arguments of a command of `integrahub` that stands in the entry, with its words filled in."""
        self.expect(f"`integrahub {command}`")
        return [words.get(word, word) for word in shlex.split(command)]

    def expect(self, *texts: str) -> None:
        """Check that the entry has what the test does or sees besides its commands."""
        assert [text for text in texts if text not in self.text] == []
