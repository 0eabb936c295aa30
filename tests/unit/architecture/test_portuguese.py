"""Portuguese texts contain no word that a Brazilian would not use."""

from pathlib import Path

import pytest

from integrahub.domain.messages.catalog import MESSAGES
from integrahub.domain.messages.records import RECORD_MESSAGES

_ROOT = Path(__file__).parents[3]
_FOREIGN = (
    *("letra morta", "letras mortas", "pedaço", "reanimação", "uma repetição", "a repetir", "não servem juntos"),
    *("não é da farmácia", "diga `", "algo de que o hub depende", "diz há 2 minutos", "pode ter acabado"),
    *("linha do cliente", "combinados dos", "deixada em paz", "sendo gasto"),
    *("fundido", "fica retida", "está retida", "dá sinal de vida"),
)


def _pages() -> dict[str, str]:
    folders = (_ROOT / "docs" / "runbook").glob("*pt-BR.md"), (_ROOT / "deploy" / "prometheus" / "rules").glob("*.yml")
    paths = [path for folder in folders for path in folder] + [_ROOT / "docs" / "glossary.md"]
    pages = {path.name: path.read_text("utf-8").lower() for path in paths}
    return pages | {
        "messages": " ".join(
            [message.pt for message in MESSAGES.values()] + [pt for pt, _ in RECORD_MESSAGES.values()]
        ).lower()
    }


@pytest.mark.parametrize("word", _FOREIGN)
def test_no_page_or_message_has_a_word_that_no_native_would_use(word: str) -> None:
    pages = _pages()
    assert len(pages) >= 5
    assert [name for name, text in pages.items() if word in text] == []
