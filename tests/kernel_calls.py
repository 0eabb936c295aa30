"""Plugin of pytest that notes which tests call the kernel, so that those alone run again without it.

A run with the kernel keeps the ids of the tests that did not call it. `--kernel-callers` leaves those out; tests that
never ran are chosen too. Only calls of the process that runs the tests are noted.
"""

import os
from collections.abc import Callable, Generator
from typing import Any

import pytest

from integrahub.domain.dialects.inovafarma.native.kernel import InovaFarmaKernel
from integrahub.hub.adapters import describe_kernel
from integrahub.settings.model import Settings

_NOT_CALLING = "kernel/not_calling"  # key in the cache of pytest
_PROPERTY = ("kernel", "called")  # of a test, by which a worker of xdist reports it
_IS_OFF = os.environ.get("INTEGRAHUB_KERNEL") == "off"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses the tests which call the kernel."""
    text = "with INTEGRAHUB_KERNEL=off: run no test that did not call the kernel when it last ran with it"
    parser.addoption("--kernel-callers", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Note calls for the whole session."""
    if config.option.kernel_callers and not _IS_OFF:
        raise pytest.UsageError("--kernel-callers needs INTEGRAHUB_KERNEL=off")
    config.pluginmanager.register(KernelCalls(config))


class KernelCalls:
    """Counts the calls of the kernel, and what tests made them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._cache: pytest.Cache | None = getattr(config, "cache", None)  # absent with `-p no:cacheprovider`
        self._calls = 0
        self._shared: set[tuple[str, str]] = set()  # node and name of fixtures of several tests that called it
        self._ran: set[str] = set()
        self._calling: set[str] = set()
        self._patch = pytest.MonkeyPatch()
        for name in ("cut", "encode_rows"):
            self._patch.setattr(InovaFarmaKernel, name, self._counted(getattr(InovaFarmaKernel, name)))

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            self._calls += 1
            return method(*given)

        return call

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out the tests of the kernel itself where it is off, and on demand those that do not call it."""
        if not _IS_OFF:
            return
        left_out = set(self._cache.get(_NOT_CALLING, [])) if config.option.kernel_callers and self._cache else set()
        chosen = [item for item in items if item.nodeid not in left_out and not item.get_closest_marker("kernel")]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        """Note a fixture whose calls serve several tests."""
        before = self._calls
        made = yield
        if self._calls > before and fixturedef.scope != "function":
            self._shared.add((request.node.nodeid, fixturedef.argname))
        return made

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        """Note a test whose own fixtures call the kernel, or those that it shares."""
        item.stash[_BEFORE] = self._calls
        yield
        fixtures = getattr(item, "fixturenames", ())
        if any(item.nodeid.startswith(node) and name in fixtures for node, name in self._shared):
            item.user_properties.append(_PROPERTY)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Note a test that calls the kernel; where it is off, such a test fails."""
        yield
        if self._calls > item.stash[_BEFORE]:
            item.user_properties.append(_PROPERTY)
            assert not _IS_OFF, "the kernel was called although INTEGRAHUB_KERNEL is off"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the note of a test from its reports, which come from workers too."""
        self._ran.add(report.nodeid)
        if any(tuple(each) == _PROPERTY for each in report.user_properties):
            self._calling.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Keep which tests did not call the kernel, unless it was off."""
        self._patch.undo()
        if hasattr(self._config, "workerinput") or _IS_OFF or self._cache is None:
            return
        before = set(self._cache.get(_NOT_CALLING, []))
        self._cache.set(_NOT_CALLING, sorted((before | self._ran) - self._calling))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what read the records, and how many tests called the kernel."""
        described = describe_kernel(Settings())
        terminalreporter.line(f"records read by: {described}; tests that called the kernel: {len(self._calling)}")


_BEFORE = pytest.StashKey[int]()
