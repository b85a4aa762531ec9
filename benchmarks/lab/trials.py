"""Networks that are trained alike, each with several seeds: what every claim of the papers needs.

A claim is a list of trials: a network, and settings of the recipe. Each trial is trained once for
each seed with `inceptionkit.train`. A run is kept under a hash of everything that decides it (the
network, recipe, settings, epochs, precision and images), so that a script that was stopped resumes,
other options make other runs, and claims share runs that are the same.

At most 2,000 of the training images are held out (val). They draw the curves, and choose among the
settings that a trial lists in `tries`, with the first seed. The test images are scored once, at the
end of each run, and choose nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias

from tables import page, priced  # isort: skip
from hardware import RESULTS, hardware, write  # isort: skip

import inceptionkit
from inceptionkit.data import open_dataset
from inceptionkit.derive import cost
from inceptionkit.errors import TrainingError
from inceptionkit.machine import cores
from inceptionkit.records import to_json as plain
from inceptionkit.spec import Net, to_json
from inceptionkit.training.run.finish import TrainResult
from inceptionkit.training.run.record import read_record

Row: TypeAlias = dict[str, Any]  # of one trial, as the JSON file holds it
ALIKE = (
    "batch=128",
    "lr=0.6",
    "lr_batch=256",
    "mixup=0",
    "cutmix=0",
    "crop=padded",
    "padding=4",
    "crop_side=1",
    "small_crops=0",
    "refit_exits=false",
)
"""What would else be adapted to the images or the network, the same for every trial.

Images are moved by up to 4 px (He et al. 2015, arXiv:1512.03385, section 4.2), and not enlarged.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One row of a claim's table.

    Attributes:
        name: in the table, and for `--only`.
        net: that is trained.
        settings: of the recipe, KEY=VALUE, on top of the claim's.
        recipe: by name.
        beside: the trial that it is compared with; "" for the first of the claim.
        tries: settings, separated by spaces, of which val chooses one with the first seed.
        note: for the table.
    """

    name: str
    net: Net
    settings: tuple[str, ...] = ()
    recipe: str = "modern"
    beside: str = ""
    tries: tuple[str, ...] = ("",)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a paper says, and the trials that test it.

    Attributes:
        name: of the script, and of its results.
        says: the paper's statement, with its source.
        here: what is compared.
        trials: made for the side of the images and a factor on every width; names are unique.
        width: factor, where none is asked for.
        side: pixels of the input, where none is asked for.
        epochs: of every run, where none are asked for.
        seeds: runs of every trial, where none are asked for.
        alike: settings of every trial.
        measure: further measurements of a finished run: folder, trial, data -> what the run keeps.
        adds: what stands below the table, made of the rows of the trials that have runs.
    """

    name: str
    says: str
    here: str
    trials: Callable[[int, float], Iterable[Trial]]
    width: float
    side: int = 32
    epochs: int = 4
    seeds: int = 3
    alike: tuple[str, ...] = ALIKE
    measure: Callable[[Path, Trial, str], dict[str, Any]] | None = None
    adds: Callable[[Mapping[str, Row]], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A claim, and what it is to be tested with."""

    claim: Claim
    given: argparse.Namespace
    trials: tuple[Trial, ...]
    fingerprint: str = ""  # of the images

    def settings(self, trial: Trial, choice: str) -> list[str]:
        """All settings of a trial; of two for one key the later."""
        words = (*self.claim.alike, *trial.settings, *choice.split())
        return list({word.partition("=")[0]: word for word in words}.values())

    def key(self, trial: Trial, choice: str) -> str:
        """What the runs of a trial are kept under, of all seeds."""
        return digest(
            {
                "net": to_json(trial.net),
                "recipe": trial.recipe,
                "settings": sorted(self.settings(trial, choice)),
                "epochs": self.given.epochs,
                "precision": self.given.precision,
                "data": self.fingerprint,
            }
        )

    def identity(self, trial: Trial) -> str:
        """What decides a row: two with the same are the same experiment."""
        return digest([self.key(trial, choice) for choice in trial.tries])

    def place(self, trial: Trial, choice: str, seed: int) -> Path:
        """Folder of a run; what was measured of it lies beside, in a file of that name."""
        return Path(self.given.work / f"{self.key(trial, choice)}-{seed}")


def digest(value: object) -> str:
    """A short hash of plain data."""
    text = json.dumps(value, sort_keys=True).encode()
    return blake2b(text, digest_size=8).hexdigest()


def arguments(
    claim: Claim, *more: Callable[[argparse.ArgumentParser], object]
) -> argparse.Namespace:
    """Read the command line."""
    words = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=claim.says, formatter_class=words)
    data = "CIFAR-10, or a folder with a part of it; any dataset of ten classes with test images"
    parser.add_argument("data", help=data)
    parser.add_argument("--seeds", type=int, default=claim.seeds, help="runs of every trial")
    parser.add_argument("--epochs", type=int, default=claim.epochs, help="of every run")
    parser.add_argument("--side", type=int, default=claim.side, help="pixels of the input")
    parser.add_argument("--width", type=float, default=claim.width, help="factor on every width")
    parser.add_argument("--only", action="append", metavar="TRIAL", help="train only this trial")
    parser.add_argument("--list", action="store_true", help="print the trials, train nothing")
    parser.add_argument("--work", type=Path, default=Path("lab-runs"), help="folder of the runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    precisions = ("bf16", "fp32", "fp16", "auto")
    parser.add_argument("--precision", choices=precisions, default="bf16", help="of training")
    parser.add_argument("--threads", type=int, default=cores(), help="processor cores to use")
    for add in more:
        add(parser)
    given = parser.parse_args()
    names = [trial.name for trial in claim.trials(given.side, given.width)]
    for name in given.only or ():
        if name not in names:
            parser.error(f"--only {name!r}: no such trial; choose from {', '.join(names)}")
    return given


def run(claim: Claim, given: argparse.Namespace | None = None) -> Job:
    """Train what has not been trained yet; write the results after every seed.

    Args:
        claim: what to test.
        given: the command line; read if None.
    """
    given = given or arguments(claim)
    trials = tuple(claim.trials(given.side, given.width))
    if given.list:
        print(priced(trials))
        return Job(claim=claim, given=given, trials=trials)
    threads(given.threads)
    fingerprint = open_dataset(given.data).fingerprint()
    job = Job(claim=claim, given=given, trials=trials, fingerprint=fingerprint)
    rows = kept_rows(job)
    chosen = [trial for trial in trials if not given.only or trial.name in given.only]
    for seed in range(given.seeds):  # one seed of all first, so that it can be looked at early
        for trial in chosen:
            add_run(job, rows, trial, seed)
        report(job, rows)
    return job


def threads(count: int) -> None:
    """Compute with so many threads."""
    import torch

    torch.set_num_threads(count)


def kept_rows(job: Job) -> dict[str, Row]:
    """Rows that earlier calls wrote, by name of their trials."""
    path = job.given.results / "lab" / f"{job.claim.name}.json"
    if not path.exists():
        return {}
    found: dict[str, Row] = json.loads(path.read_text("utf-8")).get("trials", {})
    return found


def add_run(job: Job, rows: dict[str, Row], trial: Trial, seed: int) -> None:
    """Train a trial with a seed, unless that was done, and put the run into its row."""
    row, new = rows.get(trial.name), described(job, trial)
    if row is not None and row["identity"] == new["identity"]:
        new["runs"] = row["runs"]
    choice, *_ = trial.tries
    if len(trial.tries) > 1:
        tried = {one: trained(job, trial, one, 0).get("val_top1", -1.0) for one in trial.tries}
        choice, new["tried"] = max(tried, key=tried.__getitem__), tried
    new["settings"] = job.settings(trial, choice)
    one = trained(job, trial, choice, seed)
    others = [run for run in new["runs"] if run["seed"] != seed]
    new["runs"] = sorted([*others, one], key=lambda run: int(run["seed"]))
    rows[trial.name] = new
    top1 = f"{one['top1']:.4f} on test" if "top1" in one else one["failed"]
    print(f"{job.claim.name}: {trial.name}, seed {seed}: {top1}", file=sys.stderr, flush=True)


def described(job: Job, trial: Trial) -> Row:
    """The row of a trial that has no run yet."""
    costs, given = cost(trial.net), job.given
    return {
        "identity": job.identity(trial),
        "macs": costs.without_exits.macs,
        "params": costs.without_exits.params,
        "exits": {one.exit.name: one.macs_to_here for one in costs.exits},
        "recipe": trial.recipe,
        "beside": trial.beside or job.trials[0].name,
        "note": trial.note,
        "side": trial.net.image[1],
        "width": given.width,
        "epochs": given.epochs,
        "precision": given.precision,
        "runs": [],
    }


def trained(job: Job, trial: Trial, choice: str, seed: int) -> dict[str, Any]:
    """One run: its curve, its scores and what it ran on. A run that was kept is not repeated."""
    folder = job.place(trial, choice, seed)
    path = folder.with_name(f"{folder.name}.json")
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return kept
    try:
        result = begun(job, trial, choice, seed)
    except TrainingError as error:  # it diverged: that is a result, too
        one = {"seed": seed, "key": folder.name, "failed": str(error), "hardware": hardware()}
    else:
        one = measured(folder, result) | {"seed": seed, "key": folder.name}
        if job.claim.measure is not None:
            one |= job.claim.measure(folder, trial, job.given.data)
    write(folder.parent, folder.name, one)
    return one


def begun(job: Job, trial: Trial, choice: str, seed: int) -> TrainResult:
    """Train from the start, or resume."""
    folder, given = job.place(trial, choice, seed), job.given
    if (folder / "run.json").exists():
        return inceptionkit.resume(folder, workers=given.threads)
    return inceptionkit.train(
        given.data,
        job.settings(trial, choice),
        architecture=trial.net,
        input_size=trial.net.image[1],
        from_="none",
        recipe=trial.recipe,
        epochs=given.epochs,
        seed=seed,
        precision=given.precision,
        workers=given.threads,
        out=folder,
    )


def measured(folder: Path, result: TrainResult) -> dict[str, Any]:
    """What the results keep of a finished run; `curve` has a row for each epoch."""
    record = read_record(folder)
    with (folder / "log.csv").open(encoding="utf-8") as file:
        curve = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
    return {
        "top1": result.top1,
        "set": result.set,
        "images": result.images,
        "exits": {name: row["top1"] for name, row in result.exits.items()},
        "val_top1": curve[-1]["val_top1"],
        "train_images": record.data["sets"]["train"],
        "val_images": record.data["sets"]["val"],
        "seconds": result.seconds,
        "images_per_second": result.images_per_second,
        "execution": str(record.execution),
        "recipe": plain(record.recipe),
        "reasons": list(record.reasons),
        "nothing_learned": plain(result.nothing_learned),
        "curve": curve,
        "hardware": hardware(),
    }


def report(job: Job, rows: Mapping[str, Row]) -> None:
    """Write the rows as JSON, and those of this experiment as a page in Markdown; print that."""
    claim, folder = job.claim, job.given.results / "lab"
    write(folder, claim.name, {"says": claim.says, "here": claim.here, "trials": rows})
    own = {
        trial.name: rows[trial.name]
        for trial in job.trials
        if trial.name in rows and rows[trial.name]["identity"] == job.identity(trial)
    }
    text = page(claim.says, claim.here, own)
    if claim.adds is not None:
        text += claim.adds(own)
    (folder / f"{claim.name}.md").write_text(text, encoding="utf-8")
    print(text, flush=True)
