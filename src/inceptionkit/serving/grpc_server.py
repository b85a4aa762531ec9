"""The Open Inference Protocol, version 2, over gRPC: the same answers as over REST."""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError

from inceptionkit.errors import DeploymentError
from inceptionkit.serving.access import Answered
from inceptionkit.serving.answering import ERRORS, Answering, failed
from inceptionkit.serving.grpc_messages import MESSAGES, METHODS, PACKAGE, SERVICE
from inceptionkit.serving.grpc_parts import refuse_many, refuse_values
from inceptionkit.serving.inference_protocol import (
    OUTPUTS,
    Inference,
    bytes_of,
    find,
    infer,
    metadata,
    read_shape,
    read_tensor,
    server_metadata,
)
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.metrics import SHARED
from inceptionkit.serving.models import Models
from inceptionkit.serving.problems import Problem, refuse, too_slow
from inceptionkit.serving.requests import aside

_Context = Any  # grpc.aio.ServicerContext
_CODES = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.UNPROCESSABLE_ENTITY: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.REQUEST_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
}
_CONTENTS = {"UINT8": "uint_contents", "BYTES": "bytes_contents"}
_NO_TOKEN_NEEDED = frozenset({"ServerLive", "ServerReady"})
_WITHOUT_CONTENT = frozenset({"ServerLive", "ServerReady", "ServerMetadata"})  # messages not read
_IDLE = 60_000  # milliseconds after which a silent connection is asked for a sign, or closed
_FEWEST = 4  # messages that may always arrive at the same time


def make_grpc_server(models: Models, answering: Answering, address: str, token: str) -> Any:  # noqa: ANN401 - grpc.aio.Server
    """A server that is not started yet.

    Args:
        models: what answers.
        answering: what runs it; its limits hold here too.
        address: host and port.
        token: that calls must carry; none if empty.

    Raises:
        DeploymentError: the address is taken.
    """
    limits = answering.limits
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", limits.body_bytes),
            ("grpc.max_concurrent_streams", limits.connections),
            ("grpc.so_reuseport", int(SHARED in os.environ)),
            ("grpc.server_handshake_timeout_ms", int(1e3 * limits.header_seconds)),
            ("grpc.max_connection_idle_ms", _IDLE),
            ("grpc.keepalive_time_ms", _IDLE),
        ],
        maximum_concurrent_rpcs=limits.connections,
    )
    calls, arriving = _Calls(models, answering), _arriving(limits)
    handlers: dict[str, Any] = {  # as of a stream: a call is looked at before its message comes
        name: grpc.stream_unary_rpc_method_handler(
            _guarded(
                name,
                getattr(calls, name),
                answering,
                "" if name in _NO_TOKEN_NEEDED else token,
                arriving,
            ),
            response_serializer=MESSAGES[f"{name}Response"].SerializeToString,
        )
        for name in METHODS
    }
    generic = grpc.method_handlers_generic_handler(f"{PACKAGE}.{SERVICE}", handlers)
    server.add_generic_rpc_handlers((generic,))
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        msg = f"cannot listen at {address}; choose another --grpc-port"
        raise DeploymentError(msg) from error
    return server


def _arriving(limits: Limits) -> asyncio.Semaphore:
    """As many places for messages that arrive as the memory for bodies has."""
    return asyncio.Semaphore(max(_FEWEST, limits.all_body_bytes // limits.body_bytes))


@dataclass(eq=False)
class _Call:
    """One call of a method: what it answers, and what is kept of it."""

    name: str
    context: _Context
    request: Any = None  # until it has arrived
    bytes_in: int = 0
    start: float = field(default_factory=perf_counter)
    code: grpc.StatusCode = grpc.StatusCode.CANCELLED  # until it has ended

    def headers(self) -> dict[str, str]:
        """What came with it, names in lower case."""
        return {name: str(value) for name, value in self.context.invocation_metadata()}

    async def fail(self, code: grpc.StatusCode, detail: str) -> None:
        """End it with a code of gRPC, whose library raises an error of its own for that."""
        self.code = code
        await self.context.abort(code, detail)

    def answered(self, bytes_out: int) -> Answered:
        """What is kept of it."""
        path, asked, noted = f"/{PACKAGE}.{SERVICE}/{self.name}", self.request, {}
        if self.code is grpc.StatusCode.OK:  # else a client could make up names
            if self.name == "ModelInfer":
                noted = {"model": asked.model_name, "images": asked.inputs[0].shape[0]}
            elif hasattr(asked, "name"):
                noted = {"model": asked.name}
        return Answered(
            client=unquote(self.context.peer()).rpartition(":")[0].partition(":")[2],
            method="gRPC",
            path=path,
            route=path,
            status=self.code.name,
            seconds=perf_counter() - self.start,
            bytes_in=self.bytes_in,
            bytes_out=bytes_out,
            noted=noted,
            attributes={
                "rpc.system": "grpc",
                "rpc.service": f"{PACKAGE}.{SERVICE}",
                "rpc.method": self.name,
                "rpc.grpc.status_code": self.code.value[0],
            },
        )


def _guarded(
    name: str,
    answer: Callable[[Any], Awaitable[Any]],
    answering: Answering,
    token: str,
    arriving: asyncio.Semaphore,
) -> Callable[[Any, _Context], Awaitable[Any]]:
    """A method that needs the token, whose problems become codes of gRPC, and whose calls are kept.

    Args:
        name: of the method.
        answer: to a request.
        answering: its limits, metrics and tracing.
        token: that calls must carry; none if empty.
        arriving: places for messages that arrive.
    """
    bodies, limits = answering.bodies, answering.limits

    async def answered(call: _Call) -> Any:  # noqa: ANN401 - a message
        if name in _WITHOUT_CONTENT:
            return await answer(None)
        body = await _received(call, arriving, limits.header_seconds)
        call.bytes_in = len(body)
        with bodies.of(len(body)):
            call.request = await aside(len(body), _parsed, name, body, limits)
            return await answer(call.request)

    async def guarded(_: object, context: _Context) -> Any:  # noqa: ANN401 - a message
        call, size = _Call(name, context), 0
        headers = call.headers()
        with answering.tracing.request(f"{PACKAGE}.{SERVICE}/{name}", headers) as span:
            try:
                if token:
                    given = headers.get("authorization", "")
                    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                        msg = "a token is needed: send the metadata authorization: Bearer TOKEN"
                        await call.fail(grpc.StatusCode.UNAUTHENTICATED, msg)
                found = await _within(limits.seconds, answered(call))
                if isinstance(found, Problem):
                    code = _CODES.get(found.status, grpc.StatusCode.INTERNAL)
                    await call.fail(code, found.detail)
                call.code, size = grpc.StatusCode.OK, found.ByteSize()
                return found
            finally:
                call.answered(size).keep(answering.metrics, span)

    return guarded


async def _received(call: _Call, arriving: asyncio.Semaphore, seconds: float) -> bytes:
    """The message of a call, for which there is a place and some time.

    Raises:
        Problem: it does not come.
    """
    try:
        async with arriving, asyncio.timeout(seconds):
            body = await call.context.read()
    except TimeoutError:
        raise too_slow(seconds) from None
    if not isinstance(body, bytes):
        refuse("send one message with a call, got none")
    return body


def _parsed(name: str, body: bytes, limits: Limits) -> Any:  # noqa: ANN401 - a message
    """The request of a method, from its bytes."""
    kind = MESSAGES[f"{name}Request"]
    try:
        refuse_many(body, kind.DESCRIPTOR, limits)
        return kind.FromString(body)
    except (DecodeError, LookupError, ValueError):
        refuse(f"the message is no {name}Request; send one of the Open Inference Protocol")


async def _within(seconds: float, answer: Awaitable[Any]) -> Any:  # noqa: ANN401 - a message
    """The answer, or the problem in its place."""
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        return too_slow(seconds)
    except Problem as known:
        return known
    except Exception as error:  # noqa: BLE001 - the client hears no more than over REST
        ERRORS.error("%s", error, exc_info=error)
        return failed(error)


class _Calls:
    """What each method answers."""

    def __init__(self, models: Models, answering: Answering) -> None:
        self.models = models
        self.answering = answering

    async def ServerLive(self, _: Any) -> Any:  # noqa: N802, ANN401 - the protocol's name; a message
        return MESSAGES["ServerLiveResponse"](live=True)

    async def ServerReady(self, _: Any) -> Any:  # noqa: N802, ANN401
        return MESSAGES["ServerReadyResponse"](ready=self.models.answer())

    async def ModelReady(self, request: Any) -> Any:  # noqa: N802, ANN401
        find(self.models, request.name, request.version)
        return MESSAGES["ModelReadyResponse"](ready=True)

    async def ServerMetadata(self, _: Any) -> Any:  # noqa: N802, ANN401
        return ParseDict(server_metadata(), MESSAGES["ServerMetadataResponse"]())

    async def ModelMetadata(self, request: Any) -> Any:  # noqa: N802, ANN401
        served = find(self.models, request.name, request.version)
        return ParseDict(metadata(self.models, served), MESSAGES["ModelMetadataResponse"]())

    async def ModelInfer(self, request: Any) -> Any:  # noqa: N802, ANN401
        arrived, limits = perf_counter(), self.answering.limits
        served = find(self.models, request.model_name, request.model_version)
        inference = await aside(request.ByteSize(), _read, request, limits)
        tensors = await infer(self.answering, served, inference, arrived)
        answer = MESSAGES["ModelInferResponse"](
            model_name=served.name, model_version=served.version, id=request.id
        )
        for name, tensor in tensors.items():
            answer.outputs.add(name=name, datatype=OUTPUTS[name], shape=tensor.shape)
            answer.raw_output_contents.append(bytes_of(tensor))
        return answer


def _read(request: Any, limits: Limits) -> Inference:  # noqa: ANN401 - a message
    """The request, from its raw or its typed contents."""
    if len(request.inputs) != 1:
        refuse(f"a request has one input, got {len(request.inputs)}")
    (tensor,) = request.inputs
    shape, raw = read_shape(tensor.shape), request.raw_input_contents
    typed = getattr(tensor.contents, _CONTENTS.get(tensor.datatype, "uint_contents"))
    if len(typed) > limits.values:
        refuse_values(limits)
    data = raw[0] if raw else list(typed)
    images = read_tensor(tensor.name, tensor.datatype, shape, data, limits)
    outputs = tuple(one.name for one in request.outputs)
    return Inference(images, outputs, _parameters(request.parameters))


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: getattr(one, kind)
        for name, one in given.items()
        if (kind := one.WhichOneof("parameter_choice"))
    }
