"""The page of a run in a real browser: what only layout can show."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from chromium import MARKS, dom

from inceptionkit.evaluation.calibration import Bin
from inceptionkit.report import check_page
from inceptionkit.report.content import (
    Cell,
    ClassRow,
    Command,
    CurvePoint,
    DataRow,
    ExitRow,
    Picture,
    RunContent,
)
from inceptionkit.report.html import render

MEASURE = """
<iframe src="page.html" style="width:390px;height:2000px;border:0"></iframe>
<script>
addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument;
  const report = {
    wide: page.documentElement.scrollWidth,
    copy: page.querySelectorAll(".command button").length,
    unseen: [...page.images].filter((image) => image.offsetParent && !image.naturalWidth).length,
    hidden: page.getElementById("cell-0-1").offsetHeight,
    first: page.querySelector("table.sortable tbody th").textContent,
  };
  page.querySelector("table.sortable th button").click();
  report.sorted = page.querySelector("table.sortable tbody th").textContent;
  page.querySelector('svg a[href="#cell-0-1"]').dispatchEvent(
    new MouseEvent("click", { bubbles: true, cancelable: true }));
  report.opened = page.getElementById("cell-0-1").offsetHeight > 60;
  page.querySelector("#cell-0-1 a").click();
  report.closed = page.getElementById("cell-0-1").offsetHeight;
  document.title = Object.entries(report).map((entry) => entry.join("=")).join(" ");
});
</script>
"""

MEASURE_CHECK = """
<iframe src="page.html" style="width:390px;height:2000px;border:0"></iframe>
<script>
addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument;
  const unseen = [...page.images].filter((image) => !image.naturalWidth).length;
  page.querySelector("table.sortable th button").click();
  const first = page.querySelector("table.sortable tbody th").textContent;
  document.title = `wide=${page.documentElement.scrollWidth} unseen=${unseen} first=${first}`;
});
</script>
"""

pytestmark = MARKS


@pytest.fixture
def run() -> RunContent:
    """A small run with names that tempt the layout."""
    names = ("z" * 80, "a", "<b>bold</b>")
    pixels = np.zeros((8, 8, 3), np.uint8)
    shown = Picture(pixels=pixels, name="x" * 200, truth=names[0], guess="a", probability=1.0)
    return RunContent(
        title="t" * 120,
        subtitle="A run.",
        made_at="2026-01-31 14:05 UTC",
        scored_set="test",
        top1=0.9,
        top5=None,
        params=1,
        macs=1,
        training_seconds=1.0,
        images_per_second=1.0,
        peak_bytes=1,
        images={"test": 30},
        classes=names,
        scores=tuple(
            ClassRow(name=name, images=10, precision=0.5, recall=0.5, f1=0.5) for name in names
        ),
        confusion=np.array([[8, 1, 1], [0, 10, 0], [0, 1, 9]]),
        confidences=(Bin(low=0.0, high=1.0, images=30, confidence=0.7, top1=0.9),),
        curve=(CurvePoint(macs=1, top1=0.8), CurvePoint(macs=2, top1=0.9)),
        exits=(ExitRow(name="main", after="b", macs=2, share_of_macs=1.0, top1=0.9),),
        cells=(Cell(truth=0, guess=1, pictures=(shown, shown)),),
        diagram='<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        data=(DataRow(name=names[0], images={"train": 4, "test": 2}),),
        mistakes=(shown, replace(shown, evidence=np.zeros((192, 192, 3), np.uint8))),
        commands=(Command(purpose="Repeat", line="inceptionkit train " + "x" * 300),),
    )


def on_a_phone(page: str, measure: str, folder: Path) -> str:
    """What a document that frames the page, as wide as a phone, measures."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    (folder / "phone.html").write_text(measure, encoding="utf-8")
    found = dom(folder / "phone.html", "--allow-file-access-from-files")
    title = re.search(r"<title>(.*)</title>", found)
    assert title is not None, found[-500:]
    return title[1]


def test_the_page_fits_a_phone_and_its_script_works(run: RunContent, tmp_path: Path) -> None:
    title = on_a_phone(render(run), MEASURE, tmp_path)

    assert title == (
        f"wide=390 copy=1 unseen=0 hidden=0 first={'z' * 80} sorted=&lt;b&gt;bold&lt;/b&gt; "
        "opened=true closed=0"
    )


def test_the_page_of_a_check_fits_a_phone_and_shows_its_pictures(tmp_path: Path) -> None:
    picture = check_page.Picture(
        pixels=np.zeros((90, 300, 3), np.uint8), name="x" * 200, lines=("y" * 90,)
    )
    found = check_page.FindingRow(
        severity="error", says="s" * 300, advice="a" * 300, anchor="copies"
    )
    section = check_page.Section(
        anchor="copies",
        title="Copies",
        lead="The same.",
        clusters=(check_page.Cluster(says="same", pictures=(picture,) * 3),),
        pictures=(picture,) * 5,
    )
    content = check_page.CheckContent(
        title="t" * 120,
        subtitle="Images.",
        made_at="2026-01-31 14:05 UTC",
        verdict="1 error, 2 warnings, 3 notes",
        facts={"images": "1,234,567"},
        findings=(found,),
        sets=("train", "val", "test"),
        classes=(("z" * 80, (9, 1, 1)), ("a", (9, 9, 9))),
        sections=(section,),
        tables={"format": {"PNG": 3}},
        unusable=(("x" * 200, "truncated"),),
    )
    title = on_a_phone(check_page.render(content), MEASURE_CHECK, tmp_path)

    assert title == "wide=390 unseen=0 first=a"
