"""Paths that the system refuses, in every command: one sentence, exit code 2."""

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inceptionkit.cli.app import COMMANDS

QUICK = ("--arch", "compact", "--input", "8", "--epochs", "1", "--precision", "fp32")
P, RUN, OTHER, PHOTO, WEIGHTS, NEW = "{path}", "{run}", "{other}", "{photo}", "{weights}", "{new}"

USES = {
    "describe": [(P + ".json",)],
    "design": [("--input", "32", "--cost", "9MMAC", "--out", P + ".json")],
    "check": [(P,), (P + ".csv",), (P + ".zip",), (P + ".parquet",), ("digits", "--out", P)],
    "recipes": [(P + ".json",)],
    "train": [
        (P, *QUICK),
        (P + ".csv", *QUICK),
        ("digits", *QUICK, "--out", P),
        ("digits", *QUICK, "--from", P),
        ("digits", *QUICK, "--recipe", P + ".json"),
        ("digits", "--arch", P + ".json"),
    ],
    "resume": [(P,)],
    "evaluate": [(P, "digits"), (RUN, P), (RUN, P + ".tar")],
    "predict": [(P, PHOTO), (RUN, P), (RUN, P + ".png"), (P + ".onnx", PHOTO)],
    "embed": [(RUN, P), (RUN, PHOTO, "--out", P + ".npy")],
    "explain": [(P, PHOTO), (RUN, P + ".png"), (RUN, PHOTO, "--out", P)],
    "report": [(P,)],
    "serve": [(P,)],
    "compare": [(P, RUN), (RUN, P), (RUN, OTHER, "--out", P + ".html")],
    "prune": [(P, "--at", "exit1"), (RUN, "--at", "exit1", "--out", P)],
    "export": [(P, "--out", NEW), (RUN, "--out", P)],
    "bench": [(P,)],
    "convert": [
        *((P + ending, NEW) for ending in (".pth", ".safetensors", ".h5", ".caffemodel", ".ckpt")),
        (WEIGHTS, P),
        (WEIGHTS, NEW, "--classes", P),
        (RUN, P + ".pth", "--to", "torchvision"),
    ],
    "architectures": [],
}  # fmt: skip
CASES = [(verb, *words) for verb, uses in USES.items() for words in uses]


@contextmanager
def without_privileges() -> Iterator[None]:
    """For root, permissions count as for others for a while: what overrides them is dropped."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of the call, this thread
    before, less = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, before) == 0
    less[:] = before[:]
    less[0] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, as long as they are permitted
    assert libc.capset(head, less) == 0
    try:
        yield
    finally:
        assert libc.capset(head, before) == 0


def test_every_command_is_tried() -> None:
    assert set(USES) == {command.verb.__name__ for command in COMMANDS}


def beyond(place: Path, how: str) -> Path:
    """A path that the system refuses."""
    match how:
        case "too long a name":
            return place / ("x" * 300)
        case "too long in all":
            return Path(str(place) + "/a" * 3000)
        case "below a file":
            (place / "file").write_text("")
            return place / "file" / "name"
        case "in a locked folder":
            locked = place / "locked"
            locked.mkdir()
            locked.chmod(0)
            return locked / "name"
        case _:
            (place / "name").mkdir()
            for ending in (".csv", ".json", ".png", ".pth", ".zip", ".parquet", ".tar", ".html",
                           ".safetensors", ".h5", ".caffemodel", ".ckpt", ".onnx"):  # fmt: skip
                (place / f"name{ending}").write_text("{}")
                (place / f"name{ending}").chmod(0)
            (place / "name").chmod(0)
            return place / "name"


@pytest.mark.skipif(sys.platform != "linux", reason="permissions are dropped as Linux does it")
@pytest.mark.parametrize(
    "how",
    [
        "too long a name",
        "in a locked folder",
        *(
            pytest.param(how, marks=pytest.mark.slow)
            for how in ("too long in all", "below a file", "locked itself")
        ),
    ],
)
@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_a_path_that_the_system_refuses_is_a_user_error(
    inceptionkit: Callable,
    digits_run: Path,
    other_run: Path,
    photo: Path,
    theirs: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    how: str,
) -> None:
    written = words[-2] == "--out" or words[:2] == ("convert", WEIGHTS) or "--to" in words
    if how == "locked itself" and written and "--classes" not in words:
        pytest.skip("a file that is locked in a folder that is not may be replaced")
    path = beyond(tmp_path, how)
    known = {"run": digits_run, "other": other_run, "photo": photo, "weights": theirs}
    argv = [word.format(path=path, new=tmp_path / "new", **known) for word in words]
    with without_privileges():
        said = inceptionkit(*argv)
    if (tmp_path / "locked").exists():
        (tmp_path / "locked").chmod(0o700)
    shutil.rmtree(tmp_path / "name", ignore_errors=True)

    assert said.code == 2, said
    assert said.err.startswith("inceptionkit: ")
    assert said.err.count("\n") == 1
    assert "defect" not in said.err
    assert len(said.err) < 9_000
