"""Ctrl-C and SIGTERM, before and after the updates."""

import os
import signal
from pathlib import Path

import pytest

from inceptionkit.errors import Interrupted
from inceptionkit.training.run.process import StopRequest, explain_how_to_resume, stop_signals

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("number", SIGNALS)
def test_whoever_stops_a_run_is_told_how_it_goes_on(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    with pytest.raises(Interrupted) as caught, explain_how_to_resume(Path("my runs/1")):
        os.kill(os.getpid(), number)

    assert str(caught.value) == (
        "stopped before it was done; resume with: inceptionkit resume 'my runs/1'"
    )
    assert [signal.getsignal(one) for one in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_between_updates_a_wish_is_noted_and_nothing_is_cut_short(number: signal.Signals) -> None:
    with explain_how_to_resume(Path("run")), stop_signals(StopRequest()) as request:
        assert not request.stop_requested
        os.kill(os.getpid(), number)
        assert request.stop_requested


def test_a_second_ctrl_c_does_not_wait_for_the_update() -> None:
    @explain_how_to_resume(Path("run"))
    def impatient() -> None:
        with stop_signals(StopRequest()):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match=r"inceptionkit resume run$"):
        impatient()
