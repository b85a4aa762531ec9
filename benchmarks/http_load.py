"""A light HTTP/1.1 client that loads a server: as fast as it answers, or at a rate of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter

MOST = 900  # connections, below the limit of the server
LONGEST = 60.0  # seconds for one answer


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and whole requests for it, which are sent in turn."""

    host: str
    port: int
    requests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer.

    Attributes:
        at: seconds from the start of the load to the moment when it was due.
        status: of HTTP; 0 if the connection broke or there was none.
        seconds: from the moment when it was due to the last byte of its answer.
    """

    at: float
    status: int
    seconds: float


@dataclass(eq=False)
class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    transport: asyncio.Transport | None = None
    answer: asyncio.Future[int] | None = None
    data: bytearray = field(default_factory=bytearray)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0 or self.answer is None or self.answer.done():
            return
        head = bytes(self.data[:end]).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or b"0")
        if len(self.data) >= end + 4 + length:
            status = int(head[9:12])
            self.data.clear()
            self.answer.set_result(status)

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(0)

    async def ask(self, request: bytes) -> int:
        """Send a request; the status of its answer."""
        if self.transport is None:
            return 0
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            return await asyncio.wait_for(self.answer, LONGEST)
        except TimeoutError:
            self.transport.abort()
            return 0


async def _connect(target: Target) -> _Connection:
    _, made = await asyncio.get_running_loop().create_connection(
        _Connection, target.host, target.port
    )
    return made


def as_fast_as_it_answers(target: Target, clients: int, seconds: float) -> list[Sample]:
    """Requests of so many clients, each of which sends the next one when it has its answer."""

    async def client(requests: Iterator[bytes], start: float, found: list[Sample]) -> None:
        connection = await _connect(target)
        while (began := perf_counter()) - start < seconds:
            status = await connection.ask(next(requests))
            found.append(Sample(began - start, status, perf_counter() - began))
            if status == 0:
                connection = await _connect(target)

    async def run() -> list[Sample]:
        found: list[Sample] = []
        requests, start = cycle(target.requests), perf_counter()
        await asyncio.gather(*(client(requests, start, found) for _ in range(clients)))
        return found

    return asyncio.run(run())


def moments(rate: float, seconds: float, *, evenly: bool, seed: int = 0) -> Iterator[float]:
    """When requests are due: at even distances, or at random ones (a Poisson process).

    Args:
        rate: a second, on average.
        seconds: until which they come.
        evenly: spaced.
        seed: of the random distances.
    """
    spacing, due = random.Random(seed), 0.0  # noqa: S311 - of a load
    while (due := due + (1 / rate if evenly else spacing.expovariate(rate))) < seconds:
        yield due


@dataclass(eq=False)
class _Clients:
    """Connections that are used again, and the answers so far."""

    target: Target
    start: float = field(default_factory=perf_counter)
    free: list[_Connection] = field(default_factory=list)
    found: list[Sample] = field(default_factory=list)

    @property
    def now(self) -> float:
        return perf_counter() - self.start

    async def ask(self, due: float, request: bytes) -> None:
        """Send a request that was due at a moment."""
        while self.free and self.free[-1].transport is None:  # closed by the server, idle for long
            self.free.pop()
        connection, status = None, 0
        with suppress(OSError):
            connection = self.free.pop() if self.free else await _connect(self.target)
            status = await connection.ask(request)
        self.found.append(Sample(due, status, self.now - due))
        if connection is not None and status:
            self.free.append(connection)


def at_a_rate(
    target: Target, rate: float, seconds: float, *, evenly: bool, calm: float = 0.0
) -> list[Sample]:
    """Requests at their moments, whether answers come or not.

    Args:
        target: that is asked.
        rate: requests a second, on average.
        seconds: until which they come.
        evenly: spaced, or at random moments.
        calm: seconds behind these in which one client asks, one request after the other.
    """

    async def run() -> list[Sample]:
        clients, requests = _Clients(target), cycle(target.requests)
        open_ones: set[asyncio.Task[None]] = set()
        for due in moments(rate, seconds, evenly=evenly):
            if (ahead := due - clients.now) > 0:
                await asyncio.sleep(ahead)
            if len(open_ones) >= MOST:
                clients.found.append(Sample(due, 0, 0.0))
                continue
            task = asyncio.create_task(clients.ask(due, next(requests)))
            open_ones.add(task)
            task.add_done_callback(open_ones.discard)
        while clients.now < seconds + calm:
            await clients.ask(max(clients.now, seconds), next(requests))
            await asyncio.sleep(0.01)  # it may have been refused at once
        await asyncio.gather(*open_ones)
        return clients.found

    return asyncio.run(run())


def post(host: str, path: str, body: bytes, kind: str, *more: str) -> bytes:
    """A whole request.

    Args:
        host: for its header.
        path: of the address.
        body: that is sent.
        kind: of the body.
        more: further headers.
    """
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Type: {kind}"]
    lines += [f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body
