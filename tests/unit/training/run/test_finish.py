"""What a run tells of itself at its end."""

import subprocess
import sys

import pytest

HUNGRY = 2**30  # bytes
CHILD = "from inceptionkit.training.run.finish import peak_bytes; print(peak_bytes())"
PARENT = f"""
import subprocess, sys
held = bytearray({HUNGRY})
for at in range(0, len(held), 4096):
    held[at] = 1
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the starting process's")
def test_the_peak_is_not_that_of_the_process_which_started_this_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, check=True
    )

    assert 2**26 < int(done.stdout) < HUNGRY
