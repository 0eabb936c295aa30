"""Paths of the console go to the console, all others to the API."""

import pytest

from integrahub.web.console_mount import ConsoleMount


@pytest.mark.parametrize(
    ("path", "app"),
    [("/console", "console"), ("/console/batches", "console"), ("/consoles", "api"), ("/v1/console", "api")],
)
async def test_paths_are_divided(path: str, app: str) -> None:
    called = []

    def application(name: str):  # type: ignore[no-untyped-def]
        async def call(scope, receive, send):  # type: ignore[no-untyped-def]
            called.append(name)

        return call

    mount = ConsoleMount(application("api"), application("console"))
    await mount({"type": "http", "path": path}, None, None)  # type: ignore[arg-type]
    assert called == [app]
