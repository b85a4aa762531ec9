"""What a reader of the page of several runs relies on."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import made_up_run

from inceptionkit.evaluation.confidence import Interval, Paired
from inceptionkit.report.compare_page import Comparison, render

HOSTILE = "<script>alert('x')</script>&\"caf\udce9\x00\u202e"


def comparison(**changes: Any) -> Comparison:
    made = Comparison(
        runs=tuple(
            made_up_run(2, folder=Path(f"runs/{k}"), classes=("cat", "dog"), top1=0.7 + k / 10)
            for k in range(3)
        ),
        differences={"lr": ("0.1", "0.2", None)},
        against_first={
            "runs/1": Paired(
                images=93,
                only_first=2,
                only_second=9,
                difference=Interval(0.0753, 0.011, 0.14),
                p_value=0.0654,
            )
        },
    )
    return replace(made, **changes)


def test_the_page_says_what_differs_and_what_came_of_it() -> None:
    html = render(comparison())
    drawings = re.findall(r"<svg xmlns.*?</svg>", html, re.DOTALL)

    for words in ("runs/2", "lr", "0.2", "+7.5", "+1.1 to +14.0", "0.065", "cat", "21 test"):
        assert words in html
    assert len([ET.fromstring(drawing) for drawing in drawings]) == 3  # noqa: S314
    assert html.count("<tr class=main>") == 1
    assert html == render(comparison())
    assert not re.findall(r"https?:", html.replace("http://www.w3.org/2000/svg", ""))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"differences": {}}, "these runs are repetitions of one another"),
        ({"against_first": {}}, "No other run scored the same images as the first"),
        (
            {"runs": (made_up_run(2, classes=("cat", "dog")), made_up_run(2, classes=("a", "b")))},
            "No class is in all of these runs",
        ),
    ],
)
def test_an_empty_section_says_so(changes: dict[str, object], sentence: str) -> None:
    assert sentence in render(comparison(**changes))


def test_runs_that_scored_nothing_have_a_page() -> None:
    nothing = made_up_run(
        2, top1=None, seconds=None, confusion=np.zeros((2, 2), np.int64), epochs=(), exits=()
    )
    html = render(comparison(runs=(nothing, nothing), differences={}))

    assert "None of them followed a val set" in html


def test_what_users_write_is_shown_and_never_run() -> None:
    hostile = made_up_run(
        2, folder=Path(HOSTILE), classes=(HOSTILE, "b"), data={"address": HOSTILE}
    )
    html = render(comparison(runs=(hostile, hostile), differences={"data": (HOSTILE, HOSTILE)}))

    assert "<script>alert" not in html
    assert html.encode("utf-8").decode("utf-8") == html


def test_many_runs_have_a_color_each_or_a_dash() -> None:
    many = tuple(made_up_run(folder=Path(f"{k}")) for k in range(9))

    assert "dashed" in render(comparison(runs=many, differences={}))
