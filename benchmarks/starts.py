"""What a trained start is worth: the default, random weights and others, at equal time, by images.

Each dataset is cut down to some training images of each class, and `inceptionkit train` is run on
them for the same time from each start, in a process of its own, one after the other. The test set,
which decides nothing, is whole. Run nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from hardware import RESULTS, hardware, table, write
from PIL import Image

from inceptionkit.data.loading.sets import SplitDataset, open_and_split

DEFAULT = "default"  # the word for what `train` decides by itself


def main() -> int:
    """Train, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", help="labeled images, as `train` takes them")
    parser.add_argument("--each", nargs="+", type=int, default=[20, 50, 100], help="0 for all")
    parser.add_argument("--budget", default="2min")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--starts", nargs="+", default=[DEFAULT, "none"], help="as --from takes it")
    parser.add_argument("--name", default="starts", help="of the results")
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    for data in given.data:
        opened = open_and_split(data, seed=0)
        for each in given.each:
            with tempfile.TemporaryDirectory(prefix="starts-") as place:
                cut = data if each == 0 else str(cut_down(opened, each, Path(place) / "data"))
                for start in given.starts:
                    runs = [
                        trained(cut, start, given.budget, seed, Path(place) / f"{start}-{seed}")
                        for seed in range(given.seeds)
                    ]
                    found.append({"data": data, "each": each, "start": start, "runs": runs})
                    print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    rows = [row(one, found) for one in found]
    heads = ("data", "images a class", "start", "top-1", "from nothing", "gain", "probe's choice")
    text = table(heads, rows)
    place = write(RESULTS, given.name, {"hardware": hardware(), "results": found})
    place.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


def row(one: dict[str, Any], found: list[dict[str, Any]]) -> tuple[str, ...]:
    """A line of the table."""
    own = fmean(run["top1"] for run in one["runs"])
    same = [o for o in found if all(o[k] == one[k] for k in ("data", "each"))]
    none = [fmean(run["top1"] for run in o["runs"]) for o in same if o["start"] == "none"]
    gain = (f"{none[0]:.1%}", f"{100 * (own - none[0]):+.1f}") if none else ("", "")
    chosen = ", ".join(sorted({str(run["chosen"]) for run in one["runs"]}))
    each = "all" if one["each"] == 0 else str(one["each"])
    return (Path(one["data"]).name, each, one["start"], f"{own:.1%}", *gain, chosen)


def cut_down(opened: SplitDataset, each: int, place: Path) -> Path:
    """Write some training images of each class, a tenth of them as val, and the whole test set."""
    dataset, sets = opened.dataset, opened.sets
    labels = dataset.samples.labels
    random, parts = np.random.default_rng(0), {"test": list(sets.test)}
    parts["train"], parts["val"] = [], []
    for label in range(len(dataset.classes)):
        own = random.permutation(sets.train[labels[sets.train] == label])[:each]
        held_out = max(1, len(own) // 10)
        parts["val"] += list(own[:held_out])
        parts["train"] += list(own[held_out:])
    for name, indices in parts.items():
        for index in map(int, indices):
            folder = place / name / str(dataset.classes[labels[index]]).replace("/", "-")
            folder.mkdir(parents=True, exist_ok=True)
            raw = dataset.read(index)
            if isinstance(raw, np.ndarray):
                buffer = BytesIO()
                Image.fromarray(raw).save(buffer, "PNG")
                raw = buffer.getvalue()
            content = raw.read_bytes() if isinstance(raw, Path) else raw
            (folder / f"{index:07d}").write_bytes(content)
    return place


def trained(data: str, start: str, budget: str, seed: int, out: Path) -> dict[str, Any]:
    """One run; the start that it took, and its scores."""
    words = ["train", data, "--budget", budget, "--seed", str(seed), "--out", str(out), "--json"]
    words += [] if start == DEFAULT else ["--from", start]
    done = subprocess.run(
        [sys.executable, "-m", "inceptionkit", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result, record = json.loads(done.stdout), json.loads((out / "run.json").read_bytes())
    reasons = [one for one in record["reasons"] if "probe" in one]
    model = record["start"] and record["start"]["model"]
    keys = ("top1", "epochs", "seconds", "exits")
    return {"chosen": model, "reasons": reasons, **{key: result[key] for key in keys}}


if __name__ == "__main__":
    sys.exit(main())
