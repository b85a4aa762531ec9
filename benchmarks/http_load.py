"""A light HTTP/1.1 client that loads a server: as fast as it answers, or at a rate of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter

MOST = 900  # connections, below the limit of the server


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
        return await self.answer


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


def at_a_rate(target: Target, rate: float, seconds: float, *, evenly: bool) -> list[Sample]:
    """Requests at their moments, whether answers come or not."""

    async def one(due: float, request: bytes, start: float) -> None:
        connection = None
        try:
            while free and free[-1].transport is None:  # closed by the server, idle for long
                free.pop()
            connection = free.pop() if free else await _connect(target)
            status = await connection.ask(request)
        except OSError:
            status = 0
        found.append(Sample(due, status, perf_counter() - start - due))
        if connection is not None and status:
            free.append(connection)

    async def run() -> None:
        requests, start = cycle(target.requests), perf_counter()
        open_ones: set[asyncio.Task[None]] = set()
        for due in moments(rate, seconds, evenly=evenly):
            if (ahead := due - (perf_counter() - start)) > 0:
                await asyncio.sleep(ahead)
            if len(open_ones) >= MOST:
                found.append(Sample(due, 0, 0.0))
                continue
            task = asyncio.create_task(one(due, next(requests), start))
            open_ones.add(task)
            task.add_done_callback(open_ones.discard)
        await asyncio.gather(*open_ones)

    free: list[_Connection] = []
    found: list[Sample] = []
    asyncio.run(run())
    return found


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
