"""What each part of the recipe for small images is worth: all of them, and all but one in turn.

Every run trains `inception_small` for the same number of epochs on the training images alone and is
scored on the tenth of them that is held out; test images decide nothing and are not read. The runs
follow one another, and the whole recipe is run with several seeds, whose spread says how large a
difference must be to mean something. `--only NAME` runs some of them, and what earlier calls found
stays in the file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from hardware import RESULTS, hardware, table, write

WHOLE = (
    "optimizer=muon",
    "lr_batch=512",
    "lr=0.24",
    "sgd_lr=0.4",
    "batch=512",
    "label_smoothing=0.2",
    "first_layer=whitened",
    "identity=true",
    "norm_bias_rate=8",
    "crop=padded",
    "padding=2",
    "flip=alternating",
)
WITHOUT = {  # what stands in the place of a part that is left out
    "Muon (SGD, lr 0.6)": ("optimizer=sgd", "lr_batch=256", "lr=0.6", "batch=128"),
    "batch of 512 (128)": ("batch=128",),
    "label smoothing 0.2 (0.1)": ("label_smoothing=0.1",),
    "whitened first layer": ("first_layer=drawn",),
    "partial identities": ("identity=false",),
    "faster norm biases": ("norm_bias_rate=1",),
    "translations (crops of half the area on)": ("crop=random", "area_low=0.5"),
    "alternating flip (random)": ("flip=random",),
    "moving average (none)": ("average=none",),
    "moving average (Lookahead)": ("average=lookahead",),
    "half the rate": ("lr=0.12",),
    "exits of half the weight": ("exit_weight=0.15",),
}


def settings(change: tuple[str, ...]) -> list[str]:
    """The whole recipe with a change; of a choice that is gone its own settings go too."""
    changed = {word.partition("=")[0] for word in change}
    gone = set()
    if "optimizer=sgd" in change:
        gone = {"sgd_lr"}
    if "crop=random" in change:
        gone = {"padding"}
    kept = [word for word in WHOLE if word.partition("=")[0] not in changed | gone]
    return [*kept, *change]


def train(data: str, epochs: int, seed: int, words: list[str]) -> dict[str, Any]:
    """One run; its accuracy on val and how long its steps took."""
    command = ["train", data, *words, "--arch", "inception_small", "--input", "32"]
    command += ["--epochs", str(epochs), "--seed", str(seed), "--precision", "bf16", "--json"]
    with tempfile.TemporaryDirectory(prefix="ablation-") as place:
        done = subprocess.run(
            [sys.executable, "-m", "inceptionkit", *command],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        result = json.loads(done.stdout)
        rows = (Path(place) / result["run"] / "log.csv").read_text("utf-8").splitlines()
    last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    return {
        "seed": seed,
        "val_top1": float(last["val_top1"]),
        "images_per_second": result["images_per_second"],
    }


def main() -> None:
    """Run them, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="training images of CIFAR-10, without its test images")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3, help="of the whole recipe")
    parser.add_argument("--only", action="append", help="names of parts, or 'whole'")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    args = parser.parse_args()
    path = args.out / "ablation.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    runs: dict[str, list[dict[str, Any]]] = found.get("runs", {})
    for name, change in {"whole": (), **WITHOUT}.items():
        if args.only and name not in args.only:
            continue
        seeds = range(args.seeds if name == "whole" else 1)
        runs[name] = [train(args.data, args.epochs, seed, settings(change)) for seed in seeds]
        mean = fmean(run["val_top1"] for run in runs[name])
        print(f"{name}: {100 * mean:.2f} %", file=sys.stderr, flush=True)
        result = {"hardware": hardware(), "epochs": args.epochs, "runs": runs}
        write(args.out, "ablation", result)
    tops = {name: fmean(run["val_top1"] for run in of) for name, of in runs.items()}
    whole = tops.get("whole")
    print(
        table(
            ["without", "val top-1", "difference", "images/s"],
            [
                [
                    name,
                    f"{100 * top:.2f} %",
                    "" if whole is None or name == "whole" else f"{100 * (top - whole):+.2f}",
                    f"{fmean(run['images_per_second'] for run in runs[name]):,.0f}",
                ]
                for name, top in tops.items()
            ],
        )
    )


if __name__ == "__main__":
    main()
