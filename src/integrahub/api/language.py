"""Language of an answer: chosen by Accept-Language and named in Content-Language."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from integrahub.domain.languages import Language, choose


def language_of(request: Request) -> Language:
    """Return the language that a request prefers."""
    return choose(",".join(request.headers.getlist("accept-language")))


def set_language_headers(response: Response, language: Language) -> None:
    """Set Content-Language, and Vary, so that caches keep one answer per language."""
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language"


async def _choose_language(request: Request, response: Response) -> Language:
    language = language_of(request)
    set_language_headers(response, language)
    return language


AnswerLanguage = Annotated[Language, Depends(_choose_language)]  # for routes that return a model
