"""Outputs that nobody reads any more, closed ones, and a terminal that is closed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.fault

LONG = ("--arch", "compact", "--input", "8", "--epochs", "500", "--precision", "fp32", "batch=8")
SHORT = ("--arch", "compact", "--input", "8", "--epochs", "1", "--precision", "fp32", "batch=8")


def started(*words: object, how: str = 'exec "$@"', **streams: object) -> subprocess.Popen:
    """The program in a process of its own, as a shell starts it."""
    argv = [sys.executable, "-m", "inceptionkit", *map(str, words)]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(["sh", "-c", how, "sh", *argv], text=True, env=env, **streams)


def is_saved(out: Path) -> bool:
    ended = json.loads((out / "run.json").read_text())["result"] is not None
    return not ended and bool(list((out / "checkpoints").glob("step-*.safetensors")))


@pytest.mark.slow
def test_a_reader_that_goes_away_stops_a_training_which_says_how_to_resume(
    data: Path, tmp_path: Path
) -> None:
    """As `inceptionkit train ... | head -5` does it."""
    out = tmp_path / "run"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started("train", data, *LONG, "--out", out, **streams) as process:
        for line in process.stdout:
            if line.strip()[:1].isdigit():  # the row of an epoch
                break
        process.stdout.close()
        said = process.stderr.read()

    assert process.wait(60) == 130
    assert said.startswith("inceptionkit: stopped after step ")
    assert said.endswith(f"; resume with: inceptionkit resume {out}\n")
    assert said.count("\n") == 1
    assert is_saved(out)


@pytest.mark.slow
@pytest.mark.parametrize(
    "ignored", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["terminal", "nohup"]
)
def test_a_closed_terminal_stops_a_training_and_saves_it(
    data: Path, tmp_path: Path, ignored: bool
) -> None:
    """Where SIGHUP is ignored, as under nohup, the run goes on."""
    out = tmp_path / "run"
    how = "trap '' HUP; exec \"$@\"" if ignored else 'exec "$@"'
    words = [word.replace("500", "12") for word in LONG] if ignored else LONG
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started("train", data, *words, "--out", out, how=how, **streams) as process:
        for line in process.stdout:
            if line.strip()[:1].isdigit():  # the row of an epoch
                process.send_signal(signal.SIGHUP)
                break
        process.stdout.read()
        said = process.stderr.read()

    assert process.wait(60) == (0 if ignored else 130)
    assert said.endswith("" if ignored else f"; resume with: inceptionkit resume {out}\n")
    assert is_saved(out) != ignored


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_outputs_harm_nothing(
    data: Path, tmp_path: Path, same: Callable, closed: str
) -> None:
    """The place of a closed output goes to no file that is opened later."""
    out, plain = tmp_path / "run", tmp_path / "plain"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for folder, how in ((plain, 'exec "$@"'), (out, f'exec "$@" {closed}')):
        with started("train", data, *SHORT, "--out", folder, how=how, **quiet) as process:
            assert process.wait(120) == 0

    same(plain, out)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_an_error_keeps_its_exit_code_where_nobody_reads(closed: str) -> None:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with started("describe", "nothing", how=f'exec "$@" {closed}', **quiet) as process:
        assert process.wait(60) == 2


def test_a_pipe_for_errors_that_is_closed_keeps_the_exit_code(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with started("report", tmp_path, stderr=writing, stdout=subprocess.DEVNULL) as process:
        os.close(writing)

        assert process.wait(60) == 2


def test_a_reader_that_has_enough_of_a_table_is_no_defect() -> None:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started("describe", "googlenet", "--rules", **streams) as process:
        process.stdout.close()
        said = process.stderr.read()

    assert process.wait(60) == 1
    assert said == ""
