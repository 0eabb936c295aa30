"""Fault proxy in a thread, for tests without an event loop."""

import asyncio
import threading
from types import TracebackType

from tests.fault_injection.fault_proxy import Fault, Proxy


class ThreadedProxy:
    """Fault proxy with an event loop in its own thread."""

    def __init__(self, path: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._proxy = Proxy(path)
        self.port: int = asyncio.run_coroutine_threadsafe(self._proxy.start(), self._loop).result(10)

    def __enter__(self) -> "ThreadedProxy":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._proxy.stop(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Close every connection and refuse new ones."""
        asyncio.run_coroutine_threadsafe(self._proxy.become(Fault.RESET), self._loop).result(10)

    def mend(self) -> None:
        """Forward everything again."""
        asyncio.run_coroutine_threadsafe(self._proxy.become(Fault.NONE), self._loop).result(10)
