"""The navigation of the console: its words, paths and keys."""

from dataclasses import dataclass

from integrahub.console.translations import N_

ROOT = "/console"


@dataclass(frozen=True, slots=True)
class Entry:
    """A word of the navigation: `text` is a msgid, `key` follows `g` on the keyboard, `role` the least that sees it."""

    area: str
    path: str
    text: str
    key: str = ""
    role: str = "viewer"


NAVIGATION = (
    Entry("overview", ROOT, N_("Overview"), "o"),
    Entry("batches", f"{ROOT}/batches", N_("Batches"), "l"),
    Entry("decisions", f"{ROOT}/decisions", N_("Decisions"), "d"),
    Entry("failures", f"{ROOT}/failures", N_("Failures"), "f"),
    Entry("pharmacies", f"{ROOT}/pharmacies", N_("Pharmacies"), "p"),
    Entry("products", f"{ROOT}/products", N_("Products")),
    Entry("webhooks", f"{ROOT}/webhooks", N_("Webhooks")),
    Entry("audit", f"{ROOT}/audit", N_("Audit log"), "a"),
    Entry("users", f"{ROOT}/users", N_("Users"), role="admin"),
    Entry("system", f"{ROOT}/system", N_("System")),
)
