"""What a reader of the page of several runs relies on."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import pytest

from inceptionkit.report.compare_page import render
from inceptionkit.report.comparison import AgainstFirst, Comparison, Difference, RunRow
from inceptionkit.report.content import RunContent

MakeRun = Callable[..., RunContent]
HOSTILE = "<script>alert('x')</script>&\"caf\udce9\x00\u202e"


def row(run: RunContent, name: str, **changes: object) -> RunRow:
    made = RunRow(
        name=name,
        title=run.title,
        scored_set="test",
        scored_images=93,
        top1=run.top1,
        params=run.params,
        macs=run.macs,
        seconds=112.0,
        epochs=run.epochs,
        exits=run.exits,
        recalls={"cat": 0.9, "dog": None},
    )
    return replace(made, **changes)


def comparison(make_run: MakeRun, **changes: object) -> Comparison:
    run = make_run()
    made = Comparison(
        title="3 runs compared",
        made_at="2026-01-31 14:05 UTC",
        runs=tuple(row(run, f"runs/{k}", top1=0.7 + k / 10) for k in range(3)),
        differences=(Difference(name="lr", values=("0.1", "0.2", None)),),
        against_first=(
            AgainstFirst(
                name="runs/1",
                images=93,
                only_first=2,
                only_this=9,
                difference=0.0753,
                low=0.011,
                high=0.14,
                p_value=0.0654,
            ),
        ),
        classes=("cat", "dog"),
    )
    return replace(made, **changes)


def test_the_page_says_what_differs_and_what_came_of_it(make_run: MakeRun) -> None:
    html = render(comparison(make_run))
    drawings = re.findall(r"<svg xmlns.*?</svg>", html, re.DOTALL)

    for words in ("runs/2", "lr", "0.2", "+7.5", "+1.1 to +14.0", "0.065", "cat", "93 test"):
        assert words in html
    assert len([ET.fromstring(drawing) for drawing in drawings]) == 3  # noqa: S314
    assert html.count("<tr class=main>") == 1
    assert html == render(comparison(make_run))
    assert not re.findall(r"https?:", html.replace("http://www.w3.org/2000/svg", ""))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"differences": ()}, "these runs are repetitions of one another"),
        ({"against_first": ()}, "No other run scored the same images as the first"),
        ({"classes": ()}, "No class is in all of these runs"),
    ],
)
def test_an_empty_section_says_so(
    make_run: MakeRun, changes: dict[str, object], sentence: str
) -> None:
    assert sentence in render(comparison(make_run, **changes))


def test_runs_that_scored_nothing_have_a_page(make_run: MakeRun) -> None:
    run = make_run()
    nothing = row(run, "n", top1=None, scored_images=0, epochs=(), exits=(), seconds=None)
    html = render(comparison(make_run, runs=(nothing, nothing), differences=()))

    assert "None of them followed a val set" in html


def test_what_users_write_is_shown_and_never_run(make_run: MakeRun) -> None:
    run = make_run()
    hostile = row(run, HOSTILE, title=HOSTILE, recalls={HOSTILE: 0.5})
    html = render(
        comparison(
            make_run,
            runs=(hostile, hostile),
            classes=(HOSTILE,),
            differences=(Difference(name="data", values=(HOSTILE, HOSTILE)),),
        )
    )

    assert "<script>alert" not in html
    assert html.encode("utf-8").decode("utf-8") == html


def test_many_runs_have_a_colour_each_or_a_dash(make_run: MakeRun) -> None:
    run = make_run()
    many = tuple(row(run, f"{k}") for k in range(9))

    assert "dashed" in render(comparison(make_run, runs=many, differences=()))
