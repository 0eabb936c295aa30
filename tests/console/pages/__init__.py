"""Pages of the console for the matrix, one module per area with `PAGES`."""

import pkgutil
from dataclasses import dataclass
from importlib import import_module

from integrahub.domain.people.roles import Role


@dataclass(frozen=True)
class MatrixPage:
    """A page to visit. Names in braces in `path` are those of `filling.Names`.

    `role` is the least that sees it, `says` an English text on it, `dialogs` the ids of dialogs to open there.
    """

    path: str
    says: str = ""
    role: Role = Role.VIEWER
    dialogs: tuple[str, ...] = ()
    status: int = 200


def list_pages() -> list[MatrixPage]:
    """Return the pages of all areas."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return [page for module in modules for page in module.PAGES]
