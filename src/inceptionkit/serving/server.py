"""Listening: uvicorn with limits on connections and slow headers, and a stop that drains."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from inceptionkit.detection.load import is_detector
from inceptionkit.detection.rcnn.card import is_rcnn
from inceptionkit.errors import DeploymentError, OptionError
from inceptionkit.serving.access import ACCESS, Answered, JsonLines
from inceptionkit.serving.answering import ERRORS, Answering
from inceptionkit.serving.app import make_app
from inceptionkit.serving.detect import load_detectors
from inceptionkit.serving.guard import HEADERS
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.metrics import Metrics
from inceptionkit.serving.models import Load, Models
from inceptionkit.serving.problems import Problem
from inceptionkit.serving.tracing import Request, tracing_at

TOKEN = "INCEPTIONKIT_TOKEN"  # noqa: S105 - the name of a variable
_OTHER_FILES = 512  # besides connections: engines, models, the log
_KEEP_ALIVE = 5  # seconds that a connection may stay without a request


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is served.

    Attributes:
        places: name -> model, or detector.
        load: reads one.
        limits: of requests.
        token: that requests must carry; none if empty.
        grpc_port: of the Open Inference Protocol over gRPC; None for none.
        threads: of every detector's engine; one per core if None.
        traces: address of a collector, as `collector` gives it; none if empty.
    """

    places: Mapping[str, str | Path]
    load: Load
    limits: Limits
    token: str = ""
    grpc_port: int | None = None
    traces: str = ""
    threads: int | None = None


def serve_here(service: Service, bound: socket.socket, ready: Callable[[], object]) -> int:
    """Answer requests in this process until it is asked to stop.

    Args:
        service: what is served.
        bound: a socket that is bound.
        ready: called once every model is loaded.

    Returns:
        Requests that were answered.

    Raises:
        InceptionError: a model cannot be loaded, or gRPC's port is taken.
    """
    for place in service.places.values():
        if is_rcnn(Path(place)):
            msg = f"{place}: an R-CNN takes seconds for an image, too long for a request; serve a "
            raise DeploymentError(msg + "detector of `inceptionkit detect train`")
    limits, metrics = service.limits, Metrics()
    detectors = {name: one for name, one in service.places.items() if is_detector(Path(one))}
    others = {name: one for name, one in service.places.items() if name not in detectors}
    models = Models(others, limits, metrics, service.load)
    tracing, server = tracing_at(service.traces), None
    _raise_open_files(limits)
    try:
        models.start()
        answering = Answering(models, limits, metrics, tracing)
        detecting = load_detectors(detectors, answering, service.threads) if detectors else None
        config = uvicorn.Config(
            make_app(answering, service.token, detecting),
            http=type("_Limited", (_Limited,), {"limits": limits, "metrics": metrics}),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=int(limits.drain_seconds),
        )
        server = _Server(config)
        asyncio.run(_run(server, service, bound, answering, ready))
        return server.server_state.total_requests
    finally:
        models.stop(server.seconds_left() if server else 0.0)
        tracing.stop()


async def _run(
    server: _Server,
    service: Service,
    bound: socket.socket,
    answering: Answering,
    ready: Callable[[], object],
) -> None:
    """Answer over HTTP, and over gRPC where that is asked for."""
    if service.grpc_port is not None:
        from inceptionkit.serving.grpc_server import make_grpc_server

        place = f"{host_of(bound)}:{service.grpc_port}"
        server.grpc = make_grpc_server(answering.models, answering, place, service.token)
        await server.grpc.start()
    bound.listen(server.config.backlog)
    ready()
    await server.serve(sockets=[bound])


def _raise_open_files(limits: Limits) -> None:
    """Let this process open as many files as its connections need, if the system allows it."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = 2 * limits.connections + _OTHER_FILES  # over HTTP and over gRPC
        allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        if resource.RLIM_INFINITY != soft < allowed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def host_of(bound: socket.socket) -> str:
    """The host of a bound socket, as an address writes it."""
    name = str(bound.getsockname()[0])
    return f"[{name}]" if ":" in name else name


def bind(host: str, port: int) -> socket.socket:
    """A socket at an address.

    Raises:
        DeploymentError: the address is taken, or is none of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with ExitStack() as unless_bound:
            # named as TCP, so that asyncio lets no answer wait for the client's acknowledgment
            bound = unless_bound.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            unless_bound.pop_all()
    except OSError as error:
        msg = f"cannot listen at {host}:{port} ({error.strerror or error}); choose another --port"
        raise DeploymentError(msg) from error
    return bound


def read_token(file: str | Path | None) -> str:
    """The token from a file, or from the environment; others can see the command line.

    Raises:
        OptionError: the file cannot be read, or the token is empty or short.
    """
    if file is None:
        given = os.environ.get(TOKEN)
        if given is None:
            return ""
        token, where = given.strip(), TOKEN
        advice = "set one of at least 16 characters, or unset the variable"
    else:
        where, advice = str(file), "write one of at least 16 characters"
        try:
            token = Path(file).read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            msg = f"{file}: the token cannot be read ({getattr(error, 'strerror', 'no text')})"
            raise OptionError(msg) from error
    if not token:
        msg = f"{where}: holds no token; {advice}"
        raise OptionError(msg)
    if len(token) < 16 or not token.isascii() or not token.isprintable():
        msg = f"{where}: a token has at least 16 letters, digits or signs; choose another"
        raise OptionError(msg)
    return token


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """One line of JSON for each event; at the end, logging is as it was before.

    A full disk or a closed pipe stops no answer. What uvicorn, asyncio and others report comes so
    too, unless the program that serves already says where its own log goes.
    """
    plain, others = logging.Formatter("%(message)s"), logging.getLogger()
    with ExitStack() as after:
        after.callback(setattr, logging, "raiseExceptions", logging.raiseExceptions)
        logging.raiseExceptions = False
        shown = warnings.showwarning
        logging.captureWarnings(capture=True)
        if warnings.showwarning is not shown:  # else they were captured already
            after.callback(logging.captureWarnings, capture=False)
        for logger, form in ((ACCESS, plain), (ERRORS, JsonLines()), (others, JsonLines())):
            if not logger.handlers:
                handler = logging.StreamHandler(sys.stderr)
                handler.setFormatter(form)
                logger.addHandler(handler)
                after.callback(logger.removeHandler, handler)
        for logger in (ACCESS, ERRORS):
            after.callback(setattr, logger, "propagate", logger.propagate)
            after.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.INFO)
            logger.propagate = False
        yield


class _Server(uvicorn.Server):
    """A server that ends in peace when it is asked to stop: uvicorn would signal itself again.

    Attributes:
        grpc: the server of gRPC, which stops with it; None for none.
    """

    grpc: Any = None
    _until: float = 0.0

    def seconds_left(self) -> float:
        """Of those in which what came is answered, after it was asked to stop."""
        return 0.0 if self.force_exit else max(0.0, self._until - monotonic())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        seconds = float(self.config.timeout_graceful_shutdown or 0)
        self._until = monotonic() + seconds
        if self.grpc is None:
            await super().shutdown(sockets)
            return
        other = asyncio.create_task(self.grpc.stop(seconds))
        await super().shutdown(sockets)
        while not other.done():
            if self.force_exit:  # asked to stop twice
                await self.grpc.stop(None)
            await asyncio.wait([other], timeout=0.1)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {one: signal.signal(one, self.handle_exit) for one in signals}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


class _Limited(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with limits on connections, slow headers and slow readers."""

    limits: Limits
    metrics: Metrics
    late: asyncio.TimerHandle | None = None
    unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # `pause_writing` once the client reads slowly
        if len(self.connections) > self.limits.connections:
            self.metrics.rejected.labels("").inc()
            transport.close()
        else:
            self._await_header()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_idle():
            self._await_header()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread = self.loop.call_later(self.limits.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_read()

    def send_400_response(self, _: str) -> None:
        """Answer what is no HTTP as every other mistake, and keep it: the application never did."""
        detail = "this is not HTTP/1.1; see /docs for what this server answers"
        answer = Problem(HTTPStatus.BAD_REQUEST, detail, Connection="close").response("")
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:  # no other answer has begun
            headers = [*answer.raw_headers, *HEADERS]
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=bytes(answer.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        Answered(
            client=self.client[0] if self.client else "",
            method="",
            path="",
            route="other",
            status=400,
            seconds=0.0,
            bytes_in=0,
            bytes_out=len(answer.body),
            noted={},
            attributes={},
        ).keep(self.metrics, Request())

    def _is_read(self) -> None:
        """The client has read everything, or has gone."""
        if self.unread is not None:
            self.unread.cancel()
            self.unread = None

    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _await_header(self) -> None:
        if self.late is None:
            self.late = self.loop.call_later(self.limits.header_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def _give_up(self) -> None:
        """Close a connection whose header did not come."""
        self.late = None
        if self._is_idle() and not self.transport.is_closing():
            self.transport.close()
