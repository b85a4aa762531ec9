"""What is printed and shown of a run that has ended."""

from pathlib import Path
from typing import Any

import pytest
from made_up import made_up_result

from inceptionkit.cli.train import TRAIN
from inceptionkit.training.run.finish import TrainResult, ended

FOUND = {"says": "all are <a>", "cause": "too short", "command": "inceptionkit train x"}


def result(found: Any) -> TrainResult:
    return ended(Path("runs/none"), made_up_result(("aux1",)) | {"nothing_learned": found})


def test_a_run_that_learned_nothing_is_shown_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert TRAIN.show is not None
    TRAIN.show(result(FOUND))
    printed = " ".join(capsys.readouterr().out.split())

    assert "this run learned nothing: all are <a>; likely cause: too short" in printed
    assert "try inceptionkit train x" in printed
    assert (
        "learned nothing: all are <a>; likely cause: too short; try: inceptionkit train x"
    ) in repr(result(FOUND))
    assert "<strong>This run learned nothing: all are &lt;a&gt;;" in result(FOUND)._repr_html_()


def test_a_run_that_learned_says_nothing_of_it() -> None:
    assert "nothing" not in repr(result(None))
    assert "nothing" not in result(None)._repr_html_()
