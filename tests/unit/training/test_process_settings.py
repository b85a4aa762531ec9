"""Memory that training keeps is given back when it ends; vanishing values are dropped till then."""

import json
import os
import platform
import subprocess
import sys

import pytest

from inceptionkit.training.run import process as tuning
from inceptionkit.training.run.process import fast_cpu_settings

BLOCK = 8 * 2**20  # bytes, each less than glibc gives pages of their own
COUNT = 40
CODE = f"""
import ctypes, json, os
from pathlib import Path
from inceptionkit.training.run.process import fast_cpu_settings

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
blocks = (ctypes.c_void_p * {COUNT})()

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def used_and_freed():
    for i in range({COUNT}):
        blocks[i] = library.malloc({BLOCK})
        library.memset(ctypes.c_void_p(blocks[i]), 1, {BLOCK})
    for block in blocks:
        library.free(ctypes.c_void_p(block))
    return held() - before

def fails():
    with fast_cpu_settings():
        used_and_freed()
        raise ZeroDivisionError

before = held()
used_and_freed()
with fast_cpu_settings():
    during = used_and_freed()
after = held() - before
later = used_and_freed()
try:
    fails()
except ZeroDivisionError:
    failed = held() - before
print(json.dumps([during, after, later, failed]))
"""  # bare blocks, in a process of its own: a small one that is left above them would hold the heap


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is no glibc here")
def test_what_is_freed_is_kept_while_training_and_given_back_after() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True, check=True
    )
    during, after, later, failed = json.loads(done.stdout)

    assert during > COUNT * BLOCK // 2
    assert after < COUNT * BLOCK // 4
    assert later < COUNT * BLOCK // 2, "glibc trims its heap again"
    assert failed < COUNT * BLOCK // 4, "an error gives it back too"


VANISHING = """
import json
import numpy as np, torch
from inceptionkit.training.run.process import fast_cpu_settings

torch.set_num_threads(2)
few, many = (torch.from_numpy(np.full(count, 1e-40, np.float32)) for count in (2**4, 2**20))

def left(values):
    return (values * 1.0).view(torch.int32).count_nonzero().item()

with fast_cpu_settings():
    during = left(few), left(many)
print(json.dumps([during, left(few)]))
"""  # compared as whole numbers: where such values are dropped, they equal zero


def test_values_too_small_to_be_exact_are_dropped_by_all_threads_while_training() -> None:
    done = subprocess.run(
        [sys.executable, "-c", VANISHING], stdout=subprocess.PIPE, text=True, check=True
    )

    assert json.loads(done.stdout) == [[0, 0], 2**4]


def test_an_error_gives_back_the_arithmetic() -> None:
    with pytest.raises(ZeroDivisionError), fast_cpu_settings():
        _ = 1 / 0

    assert sys.float_info.min / 2 > 0


def test_without_glibc_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with fast_cpu_settings():
        assert tuning.keep_memory() is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "None"),
    ],
    ids=["default", "count given", "policy given"],
)
@pytest.mark.parametrize("module", ["inceptionkit.api.train", "inceptionkit.cli.app"])
def test_threads_spin_briefly_unless_the_user_says_how_long(
    module: str, given: dict[str, str], expected: str
) -> None:
    """It stands in the environment before torch is loaded, and not before training is imported."""
    clean = {k: v for k, v in os.environ.items() if k not in {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}}
    code = (
        "import os, sys, inceptionkit; print(os.environ.get('GOMP_SPINCOUNT')); "
        f"import {module}; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean | given, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == [given.get("GOMP_SPINCOUNT", "None"), expected, "False"]
