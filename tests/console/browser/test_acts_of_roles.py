"""Every page that has acts for a higher role than the person's names the role that may act."""

import html
import re
from contextlib import ExitStack
from itertools import pairwise

import httpx2

from integrahub.domain.people.roles import Role
from tests.console.hub import Page
from tests.console.live_hub import LiveHub
from tests.console.pages import list_pages

_FORM = re.compile(r"<form[^>]*>")
_REPLAY = re.compile(r'href="([^"]+/replay(?:\?[^"]*)?)"')  # pages that confirm a replay require an operator
_NAMES = {Role.OPERATOR: "nly an operator may", Role.ADMIN: "nly an administrator may"}
_MORE_PATHS = ("/console/failures?cause=StatementTimeout", "/console/failures/{cause}?cnpj={cnpj}")


def _list_acts(page: Page) -> set[str]:
    """Return the addresses of the acts that a page offers."""
    main = page.html.partition("<main")[2].partition("</main>")[0]
    forms = [form for form in _FORM.findall(main) if 'method="post"' in form]
    actions = {form.partition('action="')[2].partition('"')[0] for form in forms}
    return {html.unescape(address) for address in actions | set(_REPLAY.findall(main))}


def test_a_page_names_the_role_of_each_act_that_it_does_not_offer(filled: LiveHub) -> None:
    paths = [page.path for page in list_pages() if page.status == 200] + list(_MORE_PATHS)
    silent, hidden = [], 0
    with ExitStack() as stack:
        clients = {
            role: stack.enter_context(httpx2.Client(base_url=filled.url, cookies=filled.cookie(role, "en")))
            for role in Role
        }
        for path in dict.fromkeys(path.partition("#")[0].format(**filled.names) for path in paths):
            pages = {Role.ADMIN: Page(clients[Role.ADMIN].get(path))}
            if not _list_acts(pages[Role.ADMIN]):
                continue
            pages |= {role: Page(client.get(path)) for role, client in clients.items() if role is not Role.ADMIN}
            acts = {role: _list_acts(page) for role, page in pages.items()}
            for lower, higher in pairwise(Role):
                missing = acts[higher] - acts[lower]
                hidden += len(missing)
                readers = [role for role in Role if lower.includes(role) and pages[role].status == 200]
                silent += [(path, role) for role in readers if missing and _NAMES[higher] not in pages[role].text]
    assert silent == [] and hidden > 20
