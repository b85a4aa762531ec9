"""GoogLeNet of the paper, without batch norm, from first weights on CIFAR-10; and Inception-v3.

    python benchmarks/convergence.py PATH/TO/cifar10 [--only NAME...] [--out FOLDER]

Each run is `inceptionkit train` in a process of its own, one after the other. One that was
interrupted is resumed, one that is finished is kept, so that the command can be given again.
Tables and plots cover all finished runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardware import RESULTS, hardware, table, write

if TYPE_CHECKING:
    from inceptionkit.report.charts import Figure

FLOOR = 0.75  # top-1 on test that the paper's network has to pass, with exits and without
IMAGES = Path(__file__).parents[1] / "docs" / "images"
RECIPE = (  # of GoogLeNet: its own, with what makes few epochs enough
    "--recipe", "googlenet_2014", "--precision", "bf16",
    "optimizer=adamw", "lr=0.001", "lr_batch=64", "batch=64", "weight_decay=0.05",
    "clip_grad_norm=5", "schedule=linear", "warmup=0.1", "average=ema", "ema_horizon=0.05",
    "policy=none", "area_low=0.5", "crop_side=0.75",
)  # fmt: skip
MODERN = ("--precision", "bf16", "batch=64", "area_low=0.5")  # of Inception-v3: the default
LINE = 20  # units of a drawing that a line of its legend takes
FONT = "svg { font-family: system-ui, sans-serif; } .paper { fill: var(--paper); }"


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of `inceptionkit train`."""

    name: str
    arch: str
    options: tuple[str, ...]
    width: float = 1.0  # of every operator, as a multiple of the architecture's own
    floor: float | None = None  # top-1 on test that is wanted


TRIALS = (
    Trial(
        "googlenet-half",
        "googlenet",
        ("--input", "64", "--pooled-exits", "--epochs", "32", *RECIPE),
        width=0.5,
        floor=FLOOR,
    ),
    Trial(
        "googlenet-half-no-exits",
        "googlenet",
        ("--input", "64", "--exits", "none", "--epochs", "32", *RECIPE),
        width=0.5,
        floor=FLOOR,
    ),
    Trial("googlenet", "googlenet", ("--input", "64", "--pooled-exits", "--epochs", "4", *RECIPE)),
    Trial("inception_v3_79-quarter", "inception_v3_79", ("--epochs", "6", *MODERN), width=0.25),
)


def main() -> int:
    """Train what is not trained yet, and tell; 1 if a floor is missed."""
    given = arguments()
    chosen = [trial for trial in TRIALS if not given.only or trial.name in given.only]
    given.out.mkdir(parents=True, exist_ok=True)
    for trial in chosen:
        train(trial, given.data, given.out)
    ended = [trial for trial in TRIALS if is_finished(given.out / trial.name)]
    rows = [measured(trial, given.out / trial.name) for trial in ended]
    write(given.results, "convergence", {"runs": rows, "hardware": hardware()})
    (given.results / "convergence.md").write_text(markdown(rows), encoding="utf-8")
    draw([given.out / trial.name for trial in ended], given.images)
    print(markdown(rows), end="")
    return 1 if any(row["floor"] and row["top1"] <= row["floor"] for row in rows) else 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", help="CIFAR-10, as `inceptionkit train` takes it")
    names = [trial.name for trial in TRIALS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder for the curves")
    return parser.parse_args()


def arch_of(trial: Trial, out: Path) -> str:
    """What `train --arch` takes: a name, or a file with the architecture made narrower."""
    from inceptionkit.catalog import architecture
    from inceptionkit.derive.design.scale import widened
    from inceptionkit.spec import to_json

    if trial.width == 1.0:
        return trial.arch
    path = out / f"{trial.name}.json"
    path.write_text(json.dumps(to_json(widened(architecture(trial.arch), trial.width))))
    return str(path)


def train(trial: Trial, data: str, out: Path) -> None:
    """Bring one run to its end, wherever it stands."""
    folder, begun = out / trial.name, out / f"{trial.name}.command.json"
    words = ["train", data, "--arch", arch_of(trial, out), *trial.options, "--out", str(folder)]
    if not (folder / "run.json").is_file():
        begun.write_text(json.dumps(words))
    elif json.loads(begun.read_text()) != words:
        sys.exit(f"{folder} was begun by another command, see {begun}; remove both, or give --out")
    elif is_finished(folder):
        return
    else:
        words = ["resume", str(folder)]
    print(f"inceptionkit {' '.join(words)}", flush=True)
    subprocess.run([sys.executable, "-m", "inceptionkit", *words], check=True)


def is_finished(folder: Path) -> bool:
    """Whether a run has its result."""
    record = folder / "run.json"
    return record.is_file() and json.loads(record.read_text())["result"] is not None


def measured(trial: Trial, folder: Path) -> dict[str, Any]:
    """What is told of a run that has ended."""
    from inceptionkit.derive import cost
    from inceptionkit.training.run.record import read_record

    record = read_record(folder)
    result = record.result or {}
    net_cost = cost(record.architecture)
    return {
        "name": trial.name,
        "arch": trial.arch,
        "width": trial.width,
        "options": list(trial.options),
        "floor": trial.floor,
        "input": record.architecture.image[1],
        "params": net_cost.without_exits.params,
        "macs": net_cost.without_exits.macs,
        "execution": record.execution and str(record.execution),
        **{key: result[key] for key in ("epochs", "seconds", "set", "images", "top1", "exits")},
        "log": (folder / "log.csv").read_text(),
    }


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each run."""
    heads = ("run", "input", "params", "MACs", "epochs", "hours", "computed", "exits", "top-1")
    lines = [
        (
            row["name"],
            f"{row['input']} px",
            f"{row['params'] / 1e6:.2f} M",
            f"{row['macs'] / 1e6:.0f} M",
            f"{row['epochs']:g}",
            f"{row['seconds'] / 3600:.2f}",
            row["execution"],
            ", ".join(f"{name} {exit_['top1']:.1%}" for name, exit_ in row["exits"].items()) or "",
            f"{row['top1']:.1%}" + (f" (wanted: over {row['floor']:.0%})" if row["floor"] else ""),
        )
        for row in rows
    ]
    return table(heads, lines)


def draw(folders: Sequence[Path], place: Path) -> None:
    """Draw the curves of some runs, and those of the exits of the first that has some."""
    from inceptionkit.report import charts as figures
    from inceptionkit.report.finished_run import read_run

    runs = [replace(read_run(folder), folder=Path(folder.name)) for folder in folders]
    drawn = {
        "convergence-top1": figures.runs_top1(runs),
        "convergence-loss": figures.runs_loss(runs),
        "convergence-exits": next(
            (figures.top1_curves(run.epochs) for run in runs if len(run.exits) > 1), None
        ),
    }
    for name, figure in drawn.items():
        if figure is not None:
            (place / f"{name}.svg").write_text(alone(figure), encoding="utf-8")


def alone(figure: Figure) -> str:
    """A figure of the report as a file of its own, with its legend below and its own colors."""
    from inceptionkit import svg

    height = 264
    rows = "".join(
        f'<path class="line ink{entry.ink}{" dashed" * entry.dashed}" d="M54 {y}h26"/>'
        f'<text class="name" x="88" y="{y + 4}">{svg.escape(entry.name)}</text>'
        f'<text class="end" x="{svg.WIDTH - 16}" y="{y + 4}">{svg.escape(entry.last)}</text>'
        for y, entry in zip(range(height + 12, 1000, LINE), figure.legend, strict=False)
    )
    whole = height + LINE * len(figure.legend) + 4
    size = f'viewBox="0 0 {svg.WIDTH} {height}"'
    begun = figure.drawing.replace(size, f'viewBox="0 0 {svg.WIDTH} {whole}"', 1)
    paper = f'<rect class="paper" width="{svg.WIDTH}" height="{whole}"/>'
    said, drawn = begun.removesuffix("</svg>").split("</desc>")
    return f"{said}</desc><style>{style()}</style>{paper}{drawn}{rows}</svg>"


def style() -> str:
    """What the report's style says of colors and figures."""
    rules = (files("inceptionkit.report") / "templates" / "page.css").read_text(encoding="utf-8")
    colors, _, others = rules.partition("* {")
    figures = [rule for rule in others.splitlines() if rule.startswith(("svg ", ".ink"))]
    return "\n".join([colors, *figures, FONT])


if __name__ == "__main__":
    sys.exit(main())
