"""Language, theme and time zone of a page: those of the signed-in person, or else of the browser."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from starlette.requests import Request

from integrahub.console.translations import Catalog, load_catalogs
from integrahub.domain.languages import Language, choose

THEMES = ("system", "light", "dark")


class Viewer(Protocol):
    """What a page needs to know of the person who looks at it; `request.state.person` has it."""

    @property
    def language(self) -> str:
        """`pt-BR`, `en`, or empty for the browser's."""

    @property
    def theme(self) -> str:
        """One of THEMES."""


@dataclass(frozen=True, slots=True)
class Languages:
    """Catalogues by language tag. Tests add a pseudo-language."""

    catalogs: Mapping[str, Catalog]

    def of(self, request: Request) -> Catalog:
        """Return the catalogue of the language in which to answer a request."""
        viewer = viewer_of(request)
        if viewer and viewer.language in self.catalogs:
            return self.catalogs[viewer.language]
        header = ",".join(request.headers.getlist("accept-language"))
        return self.catalogs[choose(header) if header else Language.PT]


def default_languages() -> Languages:
    """Return Portuguese and English."""
    return Languages(load_catalogs())


def viewer_of(request: Request) -> Viewer | None:
    """Return the signed-in person, or None before sign-in."""
    return cast("Viewer | None", getattr(request.state, "person", None))


def theme_of(request: Request) -> str:
    """Return the theme of the signed-in person, or that of the system."""
    viewer = viewer_of(request)
    return str(viewer.theme) if viewer and viewer.theme in THEMES else THEMES[0]
