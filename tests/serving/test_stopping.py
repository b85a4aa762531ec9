"""A server that is stopped: what came is answered, what comes is refused, all within one time."""

import resource
import socket
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from served import free_port, png

from inceptionkit.serving.limits import Limits
from inceptionkit.serving.server import _raise_open_files


def refuses_http(port: int) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionError:
        return True
    return False


def refuses_grpc(port: int) -> bool:
    """Whether a call is not answered."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            channel.unary_unary("/inference.GRPCInferenceService/ServerLive")(b"", timeout=5)
        except grpc.RpcError:
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--grpc-port",), ("--workers", "2")])
def test_who_comes_during_a_stop_is_refused_and_who_came_is_answered(
    server: Callable, folder: Path, words: tuple[str, ...]
) -> None:
    own = free_port()
    over_grpc = words == ("--grpc-port",)
    address, process = server(str(folder), *words, *([str(own)] if over_grpc else []))
    port, body = int(address.rpartition(":")[2]), png()
    head = f"POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as came:
        came.sendall(head.encode() + body[:20])
        assert not refuses_http(port)
        assert not (over_grpc and refuses_grpc(own))
        process.terminate()
        end = time.monotonic() + 15
        while not (refuses_http(port) and (not over_grpc or refuses_grpc(own))):
            assert time.monotonic() < end, "late clients are not refused"
            time.sleep(0.05)
        assert process.poll() is None, "it goes on for those that came"
        came.sendall(body[20:])
        answer = came.recv(100)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (1_024, 524_288, 2_512),
        (1_024, 2_000, 2_000),
        (1_024, resource.RLIM_INFINITY, 2_512),
        (65_536, 524_288, None),
        (1_024, 1_024, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
    ],
)
def test_as_many_files_as_connections_need_may_be_open(
    soft: int, hard: int, raised: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: found.append(limits))
    _raise_open_files(Limits())

    assert found == ([] if raised is None else [(raised, hard)])
