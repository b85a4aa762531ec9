"""KServe's own client asks the server, over both transports.

Its package pins old versions of others, so that it lives in an environment of its own: set
KSERVE_PYTHON to that environment's interpreter.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from served import PIXELS, free_port

pytestmark = pytest.mark.peer

ASK = """
import asyncio, json, sys
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

address, port, file = sys.argv[1:]
pixels = np.load(file)

def request(binary):
    one = InferInput("image", list(pixels.shape), "UINT8")
    one.set_data_from_numpy(pixels, binary_data=binary)
    return InferRequest(model_name="tiny", infer_inputs=[one])

async def main():
    rest, grpc = InferenceRESTClient(RESTConfig(protocol="v2")), InferenceGRPCClient(port)
    assert await rest.is_server_live(address) and await rest.is_server_ready(address)
    assert await rest.is_model_ready(address, "tiny")
    assert await grpc.is_server_ready() and await grpc.is_model_ready("tiny")
    for binary in (False, True):
        for answer in (
            await rest.infer(address, request(binary), model_name="tiny"),
            await grpc.infer(request(binary)),
        ):
            outputs = {one.name: one.as_numpy() for one in answer.outputs}
            print(json.dumps(outputs["probabilities"].tolist()))

asyncio.run(main())
"""


def test_kserves_client_gets_the_same_answers_over_both_transports(
    server: Callable, folder: Path, tmp_path: Path
) -> None:
    python = os.environ.get("KSERVE_PYTHON")
    if python is None:
        pytest.skip("KSERVE_PYTHON names no environment with kserve")
    port = free_port()
    address, _ = server(str(folder), "--grpc-port", str(port))
    np.save(tmp_path / "pixels.npy", PIXELS)
    words = [python, "-c", ASK, address, f"127.0.0.1:{port}", str(tmp_path / "pixels.npy")]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3_000:]
    found = [np.array(json.loads(line)) for line in done.stdout.splitlines()]

    assert len(found) == 4
    for shares in found:
        assert shares == pytest.approx(found[0], abs=1e-6)
        assert shares.shape == (4, 10)
