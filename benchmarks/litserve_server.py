"""LitServe around the same model in the same engine, in a process of its own: for `serving.py`."""

import sys  # and no annotations of the future: LitServe reads the type of a request
from typing import Any

import litserve
import numpy as np
from fastapi import UploadFile

from inceptionkit.deployment.load import load_predictor
from inceptionkit.evaluation.predictor import run_stages
from inceptionkit.preprocess import as_rgb

BATCH, WAIT = 32, 0.002  # as `inceptionkit serve` has them


class Classify(litserve.LitAPI):
    """Decodes, classifies in batches, and answers with the best class."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        """Load the model in the process that answers."""
        self.predictor = load_predictor(sys.argv[1], mode="throughput")
        self.cut = self.predictor.stages(())

    def decode_request(self, request: UploadFile) -> Any:  # noqa: ANN401 - LitServe's
        """One image as the network takes it."""
        return self.predictor.prepare(as_rgb(request.file.read()))

    def batch(self, inputs: Any) -> Any:  # noqa: ANN401
        """Images side by side."""
        return np.stack(inputs)

    def predict(self, x: Any) -> Any:  # noqa: ANN401
        """Probabilities of a batch."""
        return run_stages(self.cut, x)[0]

    def unbatch(self, output: Any) -> Any:  # noqa: ANN401
        """Each row alone."""
        return list(output)

    def encode_response(self, output: Any) -> Any:  # noqa: ANN401
        """The best class and its probability."""
        best = int(output.argmax())
        return {"label": self.predictor.card.classes[best], "probability": float(output[best])}


if __name__ == "__main__":
    api = Classify(max_batch_size=BATCH, batch_timeout=WAIT)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False)
