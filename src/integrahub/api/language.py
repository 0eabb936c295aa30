"""The language of an answer: chosen by Accept-Language, and named in the answer."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.domain.languages import Language, choose


def language_of(request: Request) -> Language:
    """Return the language a request prefers."""
    return choose(",".join(request.headers.getlist("accept-language")))


def set_language_headers(response: Response, language: Language) -> None:
    """Say in an answer which language it has, and that another client may get another."""
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language"


async def _spoken(request: Request, response: Response) -> Language:
    language = language_of(request)
    set_language_headers(response, language)
    return language


AnswerLanguage = Annotated[Language, Depends(_spoken)]  #: of a route that answers with a dict
