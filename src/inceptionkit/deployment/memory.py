"""How much memory a model needs where it is deployed: measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

_SECONDS = 120  # after which a process that does not answer is given up
_PROGRAM = """
import sys
import numpy as np
from inceptionkit.deployment.load import load_predictor
from inceptionkit.machine import peak_bytes
model = load_predictor(sys.argv[1], engine=sys.argv[2], threads=int(sys.argv[3]))
side = model.card.preprocessing.size
model.predict([np.zeros((side, side, 3), np.uint8)])
print(peak_bytes())
"""


def peak_when_deployed(write: Callable[[Path], object], engine: str, threads: int) -> int | None:
    """Peak memory of a new process that loads a model and answers one image, in bytes.

    Args:
        write: writes the model into the folder that it is given.
        engine: that runs it, as `inceptionkit.load` takes it.
        threads: of the engine.

    Returns:
        The peak, Python and the libraries included; None where the system does not say, or the
        process did not answer.
    """
    with TemporaryDirectory() as folder:
        place = Path(folder) / "model"
        write(place)
        try:
            done = subprocess.run(  # noqa: S603 - this Python, and a program of ours
                [sys.executable, "-c", _PROGRAM, str(place), engine, str(threads)],
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
    said = done.stdout.strip()
    return int(said) if done.returncode == 0 and said.isdigit() else None
