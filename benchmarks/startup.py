"""How long a process takes to import the package, and to answer for its first image.

Every process is started again, the sides in turn. An exported GoogLeNet answers for a photograph;
the time runs from the start of the process to the line that it prints.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from hardware import RESULTS, hardware, quartiles, table, write
from PIL import Image

IMPORT, HELP = "import inceptionkit", "inceptionkit --help"
PREDICT = "inceptionkit predict, exported to {}"
BARE, TORCH = "python, nothing imported", "import torch"
KINDS = {"openvino": "OpenVINO", "onnx": "ONNX"}
MOST = {IMPORT: 0.15, **{PREDICT.format(said): 1.5 for said in KINDS.values()}}  # seconds, median
TIMED_IMPORT = """
from time import perf_counter
began = perf_counter()
import {}
print(perf_counter() - began)
"""


def sides(folder: Path) -> Mapping[str, Sequence[str]]:
    """What to type, by name; the exported models are written into `folder`."""
    photo = photograph(folder / "photo.jpg")
    own = (sys.executable, "-m", "inceptionkit")
    exported = {
        PREDICT.format(said): (*own, "predict", str(export(kind, folder)), str(photo))
        for kind, said in KINDS.items()
    }
    return {
        BARE: (sys.executable, "-c", "print()"),
        IMPORT: (sys.executable, "-c", TIMED_IMPORT.format("inceptionkit")),
        TORCH: (sys.executable, "-c", TIMED_IMPORT.format("torch")),
        HELP: (*own, "--help"),
        **exported,
    }


def photograph(path: Path) -> Path:
    """A JPEG of 640x480, noise on a soft ground."""
    random = np.random.default_rng(0)
    ground = Image.fromarray(random.integers(0, 256, (15, 20, 3), np.uint8)).resize((640, 480))
    noise = random.integers(-20, 21, (480, 640, 3))
    Image.fromarray(np.clip(np.asarray(ground) + noise, 0, 255).astype(np.uint8)).save(path)
    return path


def export(kind: str, folder: Path) -> Path:
    """Export GoogLeNet with its first weights; speed does not depend on them."""
    from inceptionkit import architecture, build
    from inceptionkit.api.export import export as run
    from inceptionkit.model import Card, write_model
    from inceptionkit.preprocess import Preprocessing

    net = architecture("googlenet:bn")
    state = build(net).state_dict()
    tensors = {k: v.numpy() for k, v in state.items() if v.is_floating_point()}
    classes = tuple(f"class {number}" for number in range(1000))
    how = Preprocessing(size=224, crop=0.875)
    write_model(
        folder / "trained", Card(architecture=net, classes=classes, preprocessing=how), tensors
    )
    run(folder / "trained", out=folder / kind, to=kind)
    return folder / kind


def seconds(side: str, words: Sequence[str]) -> float:
    """From the start of a process to its first line; for an import, what it says itself."""
    began = perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        taken = perf_counter() - began
        if process.stdout:
            process.stdout.read()
    if process.returncode:
        msg = f"{side}: ended with {process.returncode}"
        raise SystemExit(msg)
    return float(line) if side in {IMPORT, TORCH} else taken


def measure(compared: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every process, the sides in turn, after one round that fills the file cache."""
    found: dict[str, list[float]] = {side: [] for side in compared}
    for turn in range(rounds + 1):
        for side, words in compared.items():
            taken = seconds(side, words)
            if turn:
                found[side].append(taken)
        print(f"round {turn} of {rounds}", file=sys.stderr, flush=True)
    return found


def summary(found: Mapping[str, list[float]]) -> list[dict[str, Any]]:
    """Quartiles of every side."""
    return [
        {
            "side": side,
            "seconds": quartiles(times),
            "most_seconds": MOST.get(side),
            "all_seconds": times,
        }
        for side, times in found.items()
    ]


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line per side."""
    lines = []
    for row in rows:
        low, middle, high = row["seconds"]
        most = f"{row['most_seconds']} s" if row["most_seconds"] else ""
        lines.append((row["side"], f"{middle:.3f} s ({low:.3f} to {high:.3f})", most))
    return table(("a process that does", "takes", "at most"), lines)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure how soon the package is ready.")
    parser.add_argument("--rounds", type=int, default=11, help="processes of each side")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Measure; 1 if something takes longer than it may."""
    given = arguments()
    with TemporaryDirectory() as folder:
        rows = summary(measure(sides(Path(folder)), given.rounds))
    lines = markdown(rows)
    write(given.results, "startup", {"rounds": given.rounds, "rows": rows, "hardware": hardware()})
    (given.results / "startup.md").write_text(lines, encoding="utf-8")
    print(lines, end="")
    late = [row for row in rows if row["most_seconds"] and row["seconds"][1] > row["most_seconds"]]
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
