"""Page of error codes: the `type` of each problem leads to its line there."""

from functools import cache
from html import escape

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from integrahub.api.language import language_of, set_language_headers
from integrahub.domain.languages import Language
from integrahub.domain.messages.message import Message
from integrahub.domain.messages.reference import ErrorEntry, list_sections
from integrahub.domain.messages.statuses import ERRORS_PATH

_TITLE = Message("Códigos de erro do IntegraHub", "Error codes of IntegraHub")
_COLUMNS = (
    Message("código", "code"),
    Message("status", "status"),
    Message("tentar de novo?", "retry?"),
    Message("causa e o que fazer", "cause, and what to do"),
)
_YES, _NO = Message("sim, mais tarde", "yes, later"), Message("não", "no")
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #ccc;padding:.4rem .6rem;text-align:left;"
    "vertical-align:top}tr:target{background:#fff3bf}"
)


def router() -> APIRouter:
    """Return the route of the page; it needs no key and no other file."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(ERRORS_PATH, response_model=None)
    async def errors(request: Request) -> HTMLResponse:
        language = language_of(request)
        answer = HTMLResponse(_render(language))
        set_language_headers(answer, language)
        return answer

    return routes


@cache
def _render(language: Language) -> str:
    title = escape(_TITLE.in_language(language))
    head = "".join(f"<th>{escape(column.in_language(language))}</th>" for column in _COLUMNS)
    tables = "".join(
        f"<h2>{escape(section.in_language(language))}</h2><table><tr>{head}</tr>"
        f"{''.join(_to_row(entry, language) for entry in entries)}</table>"
        for section, entries in list_sections()
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{tables}</body></html>"
    )


def _to_row(entry: ErrorEntry, language: Language) -> str:
    retry = "" if entry.status is None else (_YES if entry.is_retryable else _NO).in_language(language)
    cells = (f"<code>{entry.code}</code>", str(entry.status or ""), retry, escape(entry.message.in_language(language)))
    return f'<tr id="{entry.code}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
