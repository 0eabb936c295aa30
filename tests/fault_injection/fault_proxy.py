"""TCP proxy with faults on command: latency, slow trickle, reset, blackhole, half-open."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Fault that the proxy applies to its connections."""

    NONE = "none"
    LATENCY = "latency"  #: Every block comes 50 ms late.
    TRICKLE = "trickle"  #: Sixteen bytes at a time.
    RESET = "reset"  #: Every connection is cut, and new ones too.
    BLACKHOLE = "blackhole"  #: Nothing passes in any direction; connections stay.
    HALF_OPEN = "half-open"  #: Requests pass, answers do not.


@dataclass(slots=True)
class _Line:
    is_marked: bool = False
    is_deaf: bool = False


class Proxy:
    """Proxy from a port of 127.0.0.1 to a unix socket or another port."""

    def __init__(self, place: str | int) -> None:
        self._place = place
        self._fault = Fault.NONE
        self.marker: bytes | None = None  # the connection that sends it gets no answer to its COMMIT
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Start listening and return the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close every connection."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
        await self._server.wait_closed()

    async def become(self, fault: Fault) -> None:
        """Apply this fault from now on."""
        async with self._changed:
            self._fault = fault
            self._changed.notify_all()
        if fault is Fault.RESET:
            for writer in list(self._writers):
                writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._fault is Fault.RESET:
            writer.transport.abort()
            self._writers.add(writer)
            return
        inner_reader, inner_writer = await self._connect()
        self._writers |= {writer, inner_writer}
        line = _Line()
        for source, target, is_answer in ((reader, inner_writer, False), (inner_reader, writer, True)):
            task = asyncio.create_task(self._pass(source, target, is_answer, line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._place, str):
            return await asyncio.open_unix_connection(self._place)
        return await asyncio.open_connection("127.0.0.1", self._place)

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, is_answer: bool, line: _Line
    ) -> None:
        with suppress(OSError):
            while block := await source.read(65536):
                if is_answer and line.is_deaf:
                    continue
                if not is_answer and self.marker:
                    line.is_marked = line.is_marked or self.marker in block
                    line.is_deaf = line.is_deaf or (line.is_marked and b"COMMIT" in block)
                await self._misbehave(is_answer)
                step = 16 if self._fault is Fault.TRICKLE else len(block)
                for start in range(0, len(block), step):
                    target.write(block[start : start + step])
                    await target.drain()
        target.close()

    async def _misbehave(self, is_answer: bool) -> None:
        if self._fault is Fault.LATENCY:
            await asyncio.sleep(0.05)
        holds = {Fault.BLACKHOLE} | ({Fault.HALF_OPEN} if is_answer else set())
        async with self._changed:
            await self._changed.wait_for(lambda: self._fault not in holds)
