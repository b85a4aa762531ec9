"""The program, of which torchrun's first attempt loses a process while the report is written."""

import os
import signal
import sys

from inceptionkit.cli import main
from inceptionkit.report import run_page


def lose(*_: object) -> None:
    """End as `kill -9` ends."""
    os.kill(os.getpid(), signal.SIGKILL)


if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
    run_page.write_report = lose
sys.exit(main())
