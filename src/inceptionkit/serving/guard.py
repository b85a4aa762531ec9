"""What stands before the application: limits, the token, the log, and what every answer carries."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inceptionkit.serving.access import Answered
from inceptionkit.serving.answering import Answering
from inceptionkit.serving.problems import Problem, refuse, too_slow
from inceptionkit.serving.tracing import Request

_PAGES = frozenset({"/", "/page.js", "/page.css", "/icon.svg", "/docs", "/openapi.json"})
"""They show nothing of a model, and a browser that opens one carries no token."""
LIVE = frozenset({"/v2/health/live", "/v2/health/ready"})
"""Probes carry no token."""
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
            b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    ),
)


@dataclass(eq=False)
class Guard:
    """An ASGI application around the one that answers.

    Attributes:
        app: what answers.
        answering: its limits, metrics, tracing, and the bodies that it holds.
        token: that requests must carry; none if empty.
    """

    app: ASGIApp
    answering: Answering
    token: str = ""

    def __post_init__(self) -> None:
        rejected = self.answering.metrics.rejected.labels("")  # no model has been asked yet
        self.answering.bodies.refused = rejected.inc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, within the limits."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = _Call(scope, receive, send, self.answering)
        scope.setdefault("state", {})["arrived"] = call.start
        with self.answering.tracing.request(scope["method"], call.headers) as request:
            await self._answer(call, request)

    async def _answer(self, call: _Call, request: Request) -> None:
        seconds = self.answering.limits.seconds
        try:
            self._admit(call)
            async with asyncio.timeout(seconds):
                await self.app(call.scope, call.receive, call.send)
        except TimeoutError:
            await call.fail(too_slow(seconds))
        except Problem as problem:
            await call.fail(problem)
        finally:
            self.answering.bodies.give(call.received)
            self._keep(call, request)

    def _admit(self, call: _Call) -> None:
        """Refuse what is known to be too large before a byte of it is read, and who has no token.

        Raises:
            Problem: so it is.
        """
        if self.token and call.path not in _PAGES | LIVE:
            scheme, _, given = call.header(b"authorization").partition(b" ")
            same = hmac.compare_digest(given.strip(), self.token.encode())
            if scheme.lower() != b"bearer" or not same:
                msg = "a token is needed: send the header Authorization: Bearer TOKEN"
                raise Problem(HTTPStatus.UNAUTHORIZED, msg, WWW_Authenticate="Bearer")
        length = call.header(b"content-length") or b"0"
        if not length.isdigit():
            refuse("the header Content-Length is no number")
        if int(length) > self.answering.limits.body_bytes:
            raise call.too_large()
        self.answering.bodies.check(int(length))

    def _keep(self, call: _Call, request: Request) -> None:
        """Log the request and count it."""
        route = getattr(call.scope.get("route"), "path", None) or (
            "/" if call.path == "/" else "other"
        )
        method = call.scope["method"]
        request.name = f"{method} {route}"
        Answered(
            client=(call.scope.get("client") or ("",))[0],
            method=method,
            path=call.path,
            route=route,
            status=call.status,
            seconds=perf_counter() - call.start,
            bytes_in=call.received,
            bytes_out=call.sent,
            noted=call.scope.get("state", {}).get("noted", {}),
            attributes={
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": call.status,
            },
        ).keep(self.answering.metrics, request)


@dataclass(eq=False)
class _Call:
    """One request: what came and went."""

    scope: Scope
    inner_receive: Receive
    inner_send: Send
    answering: Answering
    status: int = 0
    received: int = 0
    sent: int = 0
    started: bool = False
    start: float = field(default_factory=perf_counter)

    @property
    def path(self) -> str:
        """Of the address."""
        return str(self.scope["path"])

    @property
    def headers(self) -> dict[str, str]:
        """Of the request, names in lower case."""
        return {key.decode("latin-1"): v.decode("latin-1") for key, v in self.scope["headers"]}

    def header(self, name: bytes) -> bytes:
        """A header of the request; empty if it is not there."""
        return next((bytes(value) for key, value in self.scope["headers"] if key == name), b"")

    def too_large(self) -> Problem:
        """More bytes than a request may have."""
        most = f"{self.answering.limits.body_bytes / 2**20:g} MiB"
        msg = f"a request has at most {most}; send fewer or smaller images"
        return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, msg, Connection="close")

    async def receive(self) -> Message:
        """What comes next of the body, as long as it is not too much.

        Raises:
            Problem: it is, or too much together with the bodies of others.
        """
        message = await self.inner_receive()
        size = len(message.get("body", b""))
        self.answering.bodies.take(size)
        self.received += size
        if self.received > self.answering.limits.body_bytes:
            raise self.too_large()
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer, with the headers of every answer."""
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            known = {name for name, _ in message["headers"]}
            more = [one for one in HEADERS if one[0] not in known]
            message = {**message, "headers": [*message["headers"], *more]}
        self.sent += len(message.get("body", b""))
        await self.inner_send(message)

    async def fail(self, problem: Problem) -> None:
        """Answer with a problem, unless an answer has begun."""
        if not self.started:
            await problem.response(self.path)(self.scope, self.inner_receive, self.send)
