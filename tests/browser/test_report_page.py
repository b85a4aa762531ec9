"""The page of a run in a real browser: what only layout can show."""

import re
from dataclasses import replace
from pathlib import Path

import annotated
import numpy as np
import pytest
from chromium import MARKS, dom
from made_up import MadeUpImages, exit_result, made_up_run, made_up_scan, picture

from inceptionkit.data import Unusable
from inceptionkit.data.quality.findings import Finding
from inceptionkit.data.quality.near_duplicates import Group
from inceptionkit.detection.division import divide
from inceptionkit.detection.metrics import score
from inceptionkit.detection.page import Evaluated, write_page
from inceptionkit.detection.sources import open_detection
from inceptionkit.detection.trained import Trained
from inceptionkit.detection.types import Detections
from inceptionkit.evaluation.calibration import Bin
from inceptionkit.report import check_page, run_page
from inceptionkit.report.pictures import Album, embedded

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
    folded: page.querySelectorAll("details:not([open])").length,
    sliders: page.querySelectorAll(".strength input").length,
    hints: [...page.querySelectorAll(".scroll.more")].every(
      (box) => box.previousElementSibling.textContent.startsWith("scroll ")),
    first: page.querySelector("table.sortable tbody th").textContent,
  };
  const slider = page.querySelector(".strength input");
  slider.value = 30;
  slider.dispatchEvent(new Event("input"));
  report.heat = getComputedStyle(page.querySelector(".heat")).opacity;
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

MEASURE_DESK = """
<iframe src="page.html" style="width:1280px;height:2000px;border:0"></iframe>
<script>
addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument;
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const color = (name) => getComputedStyle(page.querySelector(name)).color;
  const paper = light(getComputedStyle(page.body).backgroundColor);
  const contrast = (name) => {
    const [low, high] = [light(color(name)), paper].sort((one, other) => one - other);
    return (high + 0.05) / (low + 0.05);
  };
  const names = ["h1", ".subtitle", ".eyebrow", ".big", ".short .wrong", ".facts dt", "nav a"];
  const faint = names.filter((name) => contrast(name) < 4.5);
  document.title = `wide=${page.documentElement.scrollWidth} dark=${paper < 0.2} faint=${faint} `
    + `warned=${color(".big") === color(".short .wrong")} `
    + `copy=${page.querySelectorAll(".short .command button").length}`;
});
</script>
"""

pytestmark = MARKS


@pytest.fixture
def page() -> str:
    """A small run with names that tempt the layout."""
    names = ("z" * 80, "a", "<b>bold</b>")
    shown = replace(picture(8, 0, names[0], "a"), name="x" * 200, probability=1.0)
    black = embedded(np.zeros((192, 192, 3), np.uint8))
    bright = replace(shown, fitted=black, heat=black.address)
    run = made_up_run(
        3,
        data={"address": "t" * 300},
        classes=names,
        confusion=np.array([[8, 1, 1], [0, 10, 0], [0, 1, 9]]),
        bins=(Bin(low=0.0, high=1.0, images=30, confidence=0.7, top1=0.9),),
        curve=((1.0, 0.8), (2.0, 0.9)),
        exits=(exit_result("main", macs=2, share_of_macs=1.0, top1=0.9),),
        epochs=(),
    )
    album = Album(cells={(0, 1): (shown, shown)}, mistakes=(bright, shown))
    return run_page.render(run, album, {names[0]: {"train": 4, "test": 2}})


def framed(page: str, measure: str, folder: Path, *options: str) -> str:
    """What a document that frames the page measures."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    (folder / "frame.html").write_text(measure, encoding="utf-8")
    found = dom(folder / "frame.html", "--allow-file-access-from-files", *options)
    title = re.search(r"<title>(.*)</title>", found)
    assert title is not None, found[-500:]
    return title[1]


def test_the_page_fits_a_phone_and_its_script_works(page: str, tmp_path: Path) -> None:
    title = framed(page, MEASURE, tmp_path)

    assert title == (
        f"wide=390 copy=7 unseen=0 hidden=0 folded=5 sliders=1 hints=true first={'z' * 80} "
        "heat=0.3 sorted=&lt;b&gt;bold&lt;/b&gt; opened=true closed=0"
    )


@pytest.mark.parametrize("dark", [False, True])
def test_a_failed_run_is_readable_on_a_desk_by_day_and_night(tmp_path: Path, *, dark: bool) -> None:
    found = {"says": "z" * 80, "cause": "too short", "command": "inceptionkit train " + "x" * 300}
    html = run_page.render(made_up_run(nothing_learned=found), Album(), {})
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    title = framed(html, MEASURE_DESK, tmp_path, scheme)

    assert title == f"wide=1280 dark={str(dark).lower()} faint= warned=true copy=1"


def test_the_page_of_a_check_fits_a_phone_and_shows_its_pictures(tmp_path: Path) -> None:
    images = MadeUpImages(
        names=("x" * 200,) * 19,
        labels=(0,) * 9 + (1,) * 10,
        sets=(0,) * 17 + (1, 2),
        classes=("z" * 80, "a"),
        address="t" * 120,
        size=(90, 300),
        skipped=(Unusable("x" * 200, "truncated"),),
    )
    copies = Group(members=tuple(range(9)), exact=True, mirrored=False)
    findings = tuple(
        Finding(severity="error", kind=kind, says="s" * 300, advice="a" * 300, images=members)
        for kind, members in (("copies", copies.members), ("dark", (1, 2, 3, 4, 5)))
    )
    html = check_page.render(
        made_up_scan(images), (copies,), findings, (), made_at="2026-01-31 14:05 UTC"
    )
    title = framed(html, MEASURE_CHECK, tmp_path)

    assert title == "wide=390 unseen=0 first=a"


def test_the_page_of_a_detectors_run_fits_a_phone(tmp_path: Path) -> None:
    divided = divide(open_detection(annotated.write_table(tmp_path / "t")), 0)
    name = "z" * 80  # of a class
    sets = replace(
        divided,
        train=replace(divided.train, classes=(name, "a")),
        rule="r" * 200,
    )
    trained = Trained(
        made_at="2026-01-31T14:05:00+00:00", data="d" * 200, network="compact at 320x256 pixels",
        start="s" * 200, sets=sets, fingerprint="f" * 64,
        epochs=[{"epoch": float(n), "seconds": 1.0, "train_loss": 1 / n, "val_map50": 0.1 * n}
                for n in range(1, 9)],
        kept="k" * 200, facts={"training time": "9 min 58 s"}, notes=("n" * 200,),
        decisions=("d" * 200,), recipe={"flip": "horizontal"}, machine={"processor": "p" * 90},
        commands={"Find objects": "inceptionkit detect predict " + "x" * 200},
    )  # fmt: skip
    images = divided.val.images
    found = [
        Detections(one.boxes, one.labels, np.ones(len(one), np.float32), ("main",) * len(one))
        for one in images
    ]
    evaluated = Evaluated(
        model="m" * 200, data="d", set="val", images=images, found=found,
        scores=score(images, found, (name, "a")), show=0.5, unusable=[("x" * 200, "u" * 200)],
        seconds=1.0, trained=trained,
    )  # fmt: skip
    write_page(tmp_path / "made.html", evaluated)

    title = framed((tmp_path / "made.html").read_text(), MEASURE_CHECK, tmp_path)

    assert title == "wide=390 unseen=0 first=a"
