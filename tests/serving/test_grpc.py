"""gRPC within limits: what is looked at before a message comes, and what it is refused for."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from served import PIXELS, free_port

from inceptionkit.serving.answering import Answering
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.models import Models
from inceptionkit.serving.problems import Problem

grpc = pytest.importorskip("grpc", reason="grpcio is not installed")
server_of = pytest.importorskip("inceptionkit.serving.grpc_server")

TOKEN = "a-token-of-many-letters"  # noqa: S105 - of a test
AUTHORIZED = (("authorization", f"Bearer {TOKEN}"),)
MESSAGES = server_of.MESSAGES

Asks = Callable[[Any], Awaitable[Any]]


@pytest.fixture
def on(started: Callable[..., Models], tiny_model: Path) -> Callable[..., Any]:
    """Starts a server of the tiny model, and lets something ask it over a channel."""

    def run(asks: Asks, *, token: str = "", **limits: float) -> Any:
        models = started({"tiny": tiny_model}, **limits)
        answering = Answering(models, models.limits, models.metrics)
        address = f"127.0.0.1:{free_port()}"

        async def both() -> Any:
            server = server_of.make_grpc_server(models, answering, address, token)
            await server.start()
            try:
                async with grpc.aio.insecure_channel(address) as channel:
                    return await asyncio.wait_for(asks(channel), 30)
            finally:
                await server.stop(0)

        return asyncio.run(both())

    return run


async def call(channel: Any, name: str, body: bytes = b"", **more: Any) -> Any:
    """The code of a call, with its answer or what it is refused for."""
    method = channel.unary_unary(f"/{server_of.PACKAGE}.{server_of.SERVICE}/{name}")
    try:
        answer = await method(body, **more)
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details()
    return "OK", MESSAGES[f"{name}Response"].FromString(answer)


def inference(**more: Any) -> Any:
    asked = MESSAGES["ModelInferRequest"](model_name="tiny", **more)
    asked.inputs.add(name="image", datatype="UINT8", shape=PIXELS.shape)
    asked.raw_input_contents.append(PIXELS.tobytes())
    return asked


def test_a_token_is_asked_for_over_grpc_too(on: Callable[..., Any]) -> None:
    body = inference().SerializeToString()
    wrong = (("authorization", "Bearer wrong"),)

    async def asks(channel: Any) -> list[Any]:
        return [
            await call(channel, "ServerLive"),
            await call(channel, "ServerReady"),
            await call(channel, "ServerMetadata"),
            await call(channel, "ModelInfer", body),
            await call(channel, "ModelInfer", body, metadata=wrong),
            await call(channel, "ModelInfer", body, metadata=AUTHORIZED),
        ]

    codes = [code for code, _ in on(asks, token=TOKEN)]

    assert codes == ["OK", "OK", "UNAUTHENTICATED", "UNAUTHENTICATED", "UNAUTHENTICATED", "OK"]


def test_the_token_is_looked_at_before_a_message_comes(on: Callable[..., Any]) -> None:
    async def asks(channel: Any) -> Any:
        name = f"/{server_of.PACKAGE}.{server_of.SERVICE}/ModelInfer"
        return await channel.stream_unary(name)().code()  # which sends no message, and waits

    assert on(asks, token=TOKEN).name == "UNAUTHENTICATED"


def test_a_message_that_never_comes_is_not_waited_for(on: Callable[..., Any]) -> None:
    async def asks(channel: Any) -> Any:
        name = f"/{server_of.PACKAGE}.{server_of.SERVICE}/ModelInfer"
        stalled = [channel.stream_unary(name)() for _ in range(9)]
        return [(await one.code()).name for one in stalled]

    assert on(asks, seconds=0.2) == 9 * ["DEADLINE_EXCEEDED"]


def test_a_message_that_is_too_large_or_absent_is_refused(on: Callable[..., Any]) -> None:
    async def asks(channel: Any) -> list[Any]:
        name = f"/{server_of.PACKAGE}.{server_of.SERVICE}/ModelMetadata"
        return [
            await call(channel, "ModelMetadata", bytes(1_001)),
            (await channel.stream_unary(name)(iter(())).code()).name,
            (await call(channel, "ServerMetadata"))[0],
        ]

    (large, _), absent, fine = on(asks, body_bytes=1_000)

    assert (large, absent, fine) == ("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", "OK")


def test_health_is_answered_while_silent_calls_hold_every_place(on: Callable[..., Any]) -> None:
    async def asks(channel: Any) -> list[str]:
        name = f"/{server_of.PACKAGE}.{server_of.SERVICE}/ModelInfer"
        stalled = [channel.stream_unary(name)() for _ in range(9)]
        found = [(await call(channel, one))[0] for one in ("ServerLive", "ServerReady")]
        return [*found, *[(await one.code()).name for one in stalled]]

    assert on(asks, header_seconds=0.3) == ["OK", "OK", *9 * ["DEADLINE_EXCEEDED"]]


def test_millions_of_empty_parts_are_refused(on: Callable[..., Any]) -> None:
    async def asks(channel: Any) -> Any:
        return await call(channel, "ModelInfer", 2**20 * b"\x2a\x00")  # of inputs

    assert on(asks) == ("INVALID_ARGUMENT", "a message has at most 1,064 parts; send several")


def test_few_messages_arrive_at_the_same_time() -> None:
    assert server_of._arriving(Limits())._value == 8
    assert server_of._arriving(Limits(body_bytes=2**30))._value == server_of._FEWEST


def test_a_connection_that_says_nothing_is_closed(
    started: Callable[..., Models], tiny_model: Path
) -> None:
    models = started({"tiny": tiny_model}, header_seconds=0.2)
    answering = Answering(models, models.limits, models.metrics)
    port = free_port()

    async def run() -> bytes:
        server = server_of.make_grpc_server(models, answering, f"127.0.0.1:{port}", "")
        await server.start()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            everything = await asyncio.wait_for(reader.read(), 20)
            writer.close()
            return everything
        finally:
            await server.stop(0)

    asyncio.run(run())  # it ends


@pytest.mark.parametrize("shape", [[], [0, 1, 1, 3], [2**31, 1, 1, 3], 5 * [1], 1_000 * [2**62]])
def test_a_shape_is_counted_before_it_is_multiplied(shape: list[int]) -> None:
    asked = MESSAGES["ModelInferRequest"](model_name="tiny")
    asked.inputs.add(name="image", datatype="UINT8", shape=shape)

    with pytest.raises(Problem, match="shape must be a list of 1 to 4 whole numbers above 0"):
        server_of._read(asked, Limits())


def test_what_is_refused_is_said_in_few_words(on: Callable[..., Any]) -> None:
    long = 1_000_000 * "x"
    asked = inference()
    asked.outputs.add(name=long)

    async def asks(channel: Any) -> list[Any]:
        named = {"name": long, "version": long}
        ready = MESSAGES["ModelReadyRequest"](**named).SerializeToString()
        metadata = MESSAGES["ModelMetadataRequest"](**named).SerializeToString()
        infer = MESSAGES["ModelInferRequest"](model_name=long).SerializeToString()
        return [
            await call(channel, "ModelReady", ready),
            await call(channel, "ModelMetadata", metadata),
            await call(channel, "ModelInfer", infer),
            await call(channel, "ModelInfer", asked.SerializeToString()),
            await call(channel, "ModelInfer", b"\xff\xff"),
        ]

    found = on(asks)

    assert [code for code, _ in found] == 3 * ["NOT_FOUND"] + 2 * ["INVALID_ARGUMENT"]
    assert max(len(said) for _, said in found) < 300
    assert found[-1][1].startswith("the message is no ModelInferRequest; send")
