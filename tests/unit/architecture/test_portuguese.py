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
    pages = [path for name in ("runbook", "reference", "howto") for path in (_ROOT / "docs" / name).glob("*pt-BR.md")]
    paths = [*pages, *(_ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"), _ROOT / "docs" / "glossary.md"]
    texts = {str(path): path.read_text("utf-8").lower() for path in paths}
    return texts | {
        "messages": " ".join(
            [message.pt for message in MESSAGES.values()] + [pt for pt, _ in RECORD_MESSAGES.values()]
        ).lower()
    }


@pytest.mark.parametrize("word", _FOREIGN)
def test_no_page_or_message_has_a_word_that_no_native_would_use(word: str) -> None:
    pages = _pages()
    assert len(pages) >= 40
    assert [name for name, text in pages.items() if word in text] == []
