"""Triton's server around the same model in the same engine: for `serving.py`.

NVIDIA's PyTriton brings the server; files are decoded and classified in this process, as its Python
functions are meant to be.
"""

import sys
from typing import Any

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from inceptionkit.deployment.load import load_predictor
from inceptionkit.evaluation.predictor import run_stages
from inceptionkit.preprocess import as_rgb

BATCH, WAIT = 32, 2_000  # images, microseconds: as `inceptionkit serve` has them

predictor = load_predictor(sys.argv[1], mode="throughput")
stages = predictor.stages(())


@batch
def classify(encoded: Any) -> dict[str, Any]:  # noqa: ANN401 - Triton's array of bytes
    """The best class of each file, and its probability."""
    pixels = np.stack([predictor.prepare(as_rgb(data)) for data in encoded.flat])
    probabilities = run_stages(stages, pixels)[0]
    best = probabilities.argmax(1)[:, None]
    return {
        "label": np.char.encode(np.array(predictor.card.classes)[best], "utf-8"),
        "probability": np.take_along_axis(probabilities, best, 1).astype(np.float32),
    }


if __name__ == "__main__":
    port = int(sys.argv[2])
    where = TritonConfig(
        http_address="127.0.0.1", http_port=port, allow_grpc=False, allow_metrics=False
    )
    batcher = DynamicBatcher(max_queue_delay_microseconds=WAIT)
    with Triton(config=where) as triton:
        triton.bind(
            model_name="googlenet",
            infer_func=classify,
            inputs=[Tensor(name="encoded", dtype=bytes, shape=(1,))],
            outputs=[
                Tensor(name="label", dtype=bytes, shape=(1,)),
                Tensor(name="probability", dtype=np.float32, shape=(1,)),
            ],
            config=ModelConfig(max_batch_size=BATCH, batcher=batcher),
        )
        triton.serve()
