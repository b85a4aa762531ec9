"""`kill -9` at any moment, then `inceptionkit resume`: the bytes of a run that was left alone."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hearing import Collects

from inceptionkit.cli import main
from inceptionkit.data.loading import sets as prepare

pytestmark = pytest.mark.fault

EVERYTHING = {
    "precision": "bf16",
    "workers": 2,
    "settings": (
        "batch=8", "ema_horizon=0.3", "grad_accum=2", "clip_grad_norm=1", "mixup=0.2",
        "policy=photometric", "strength=0.2",
    ),
}  # fmt: skip

# Flushes and renames of a run of three epochs, in order: unusable.csv, run.json, run.json with
# the probe, with the plan; each epoch log.csv, what was seen, a checkpoint; then three files of the
# model, predictions.csv, report.html, run.json with the result.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "count"),
    [
        ("after update", 1),
        ("after update", 6),
        ("after update", 9),
        ("before rename", 5),
        ("before rename", 6),
        ("after rename", 6),
        ("before rename", 8),
        ("before rename", 11),
        ("after rename", 12),
        ("before rename", 14),
        ("before rename", 18),
        ("after rename", 18),
    ],
    ids=lambda value: str(value).replace(" ", "-"),
)
def test_killed_and_resumed(
    whole: Path, killed: Callable, same: Callable, moment: str, count: int
) -> None:
    cut = killed(moment, count)

    assert main(["resume", str(cut), "--quiet"]) == 0
    same(whole, cut)


@pytest.mark.slow
@pytest.mark.parametrize("count", [19, 20])
def test_a_run_has_ended_only_when_everything_is_written(killed: Callable, count: int) -> None:
    """Not before the report, and not before the result itself."""
    cut = killed("before rename", count)
    found = json.loads((cut / "run.json").read_text())["result"]

    assert found is None
    assert (cut / "report.html").exists() == (count == 20)
    assert main(["report", str(cut)]) == 2


@pytest.mark.parametrize("moment", ["before flush", "before rename", "after rename"])
@pytest.mark.parametrize("count", [1, 2])
def test_killed_before_it_began_says_what_to_do(
    killed: Callable, capfd: pytest.CaptureFixture, moment: str, count: int
) -> None:
    """Until run.json stands there is nothing to resume; from then on there is."""
    cut = killed(moment, count)
    capfd.readouterr()  # of what was killed
    code = main(["resume", str(cut), "--quiet"])

    if (cut / "run.json").exists():
        assert code == 0
        return
    assert code == 2
    assert capfd.readouterr().err == (
        f"inceptionkit: {cut}: no run there, it holds no run.json; "
        "give the folder that `train` printed\n"
    )


@pytest.mark.parametrize(
    ("moment", "count"),
    [("before flush", 1), ("before rename", 1), ("after rename", 1), ("before rename", 2)],
    ids=lambda value: str(value).replace(" ", "-"),
)
def test_killed_before_it_began_the_same_command_begins_it(
    whole: Path, killed: Callable, start: Callable, same: Callable, moment: str, count: int
) -> None:
    """The folder that it had made is not taken."""
    cut = killed(moment, count)

    assert not (cut / "run.json").exists()
    same(whole, start(cut.name))


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)],
    ids=["SIGTERM", "SIGINT"],
)
def test_a_signal_ends_with_130_and_the_command_that_goes_on(
    data: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """As `timeout`, a batch system and Ctrl-C do it, to the program itself."""
    out = tmp_path / "run"
    words = ("train", data, "--arch", "compact", "--input", "8", "--epochs", "500", "--out", out)
    process = subprocess.Popen(
        [sys.executable, "-m", "inceptionkit", *map(str, words), "--precision", "fp32", "batch=8"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )
    for line in process.stdout:
        if line.strip()[:1].isdigit():  # the row of an epoch
            process.send_signal(number)
            break
    process.stdout.read()
    said = process.stderr.read()
    process.stdout.close()
    process.stderr.close()

    assert process.wait(60) == 130
    assert said.startswith("inceptionkit: stopped after step ")
    assert said.endswith(f"; resume with: inceptionkit resume {out}\n")
    assert said.count("\n") == 1
    assert list((out / "checkpoints").glob("step-*.safetensors"))
    assert json.loads((out / "run.json").read_text())["result"] is None
    assert main(["report", str(out)]) == 2
    assert main(["predict", str(out), str(out)]) == 2


@pytest.mark.parametrize(
    ("moment", "count"), [("after update", 9), ("before rename", 8)], ids=["update", "checkpoint"]
)
def test_killed_and_resumed_with_everything_on(
    start: Callable,
    killed: Callable,
    same: Callable,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    count: int,
) -> None:
    """Images that two workers read as they are needed, in bf16, with all that draws and adds up."""
    monkeypatch.setattr(prepare, "TRAIN_MEMORY", 0)
    heard = Collects()
    whole = start("whole", listener=heard, **EVERYTHING)
    cut = killed(moment, count, **EVERYTHING)

    assert any("2 workers read them as they are needed" in sentence for sentence in heard.said)
    assert json.loads((cut / "run.json").read_text())["execution"]["precision"] == "bf16"
    assert main(["resume", str(cut), "--workers", "2", "--quiet"]) == 0
    same(whole, cut)
