"""The program, of which torchrun's first attempt loses a process while the report is written."""

import os
import signal
import sys

from inceptionkit.api import train
from inceptionkit.cli import main


def lose(*_: object) -> None:
    """End as `kill -9` ends."""
    os.kill(os.getpid(), signal.SIGKILL)


if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
    train.write_report = lose
sys.exit(main())
