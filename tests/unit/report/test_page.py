"""What a reader of a run's page relies on."""

import base64
import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inceptionkit.evaluation.calibration import Bin
from inceptionkit.report.content import (
    Cell,
    CurvePoint,
    DataRow,
    EpochRow,
    ExitRow,
    Picture,
    RunContent,
    UnusableRow,
)
from inceptionkit.report.html import render, weakest_first
from inceptionkit.text import DASH

MakeRun = Callable[..., RunContent]
NAMESPACE = "http://www.w3.org/2000/svg"  # a name, not an address: nothing is fetched
VOID = {"meta", "link", "img", "br", "input"}
HOSTILE = "<script>alert('x')</script>&\"caf\udce9\x00\u202e"


class Page(HTMLParser):
    """The parts of a page that the tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.unmatched: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.scripts = 0
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [values[key] or "" for key in ("src", "href") if key in values]
        self.ids += [values["id"] or ""] if "id" in values else []
        self.scripts += tag == "script"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unmatched.append(tag)

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data


def full_run(make_run: MakeRun, classes: int = 10, side: int = 8, **changes: Any) -> RunContent:
    """A run with everything that a page can show."""
    run = make_run(classes, side=side)
    shown = replace(run.mistakes[0], evidence=np.zeros((192, 192, 3), np.uint8))
    return make_run(
        classes,
        side=side,
        curve=tuple(CurvePoint(macs=7e8 + 1e8 * k, top1=0.7 + 0.01 * k) for k in range(6)),
        confidences=(
            Bin(low=0.0, high=1.0, images=30, confidence=0.62, top1=0.5),
            Bin(low=0.0, high=1.0, images=63, confidence=0.97, top1=0.9),
        ),
        cells=(Cell(truth=0, guess=1, pictures=run.mistakes[:3]),),
        suspects=(shown,) * 12,
        mistakes=(shown, *run.mistakes[1:]),
        diagram='<svg xmlns="http://www.w3.org/2000/svg"><title>net</title></svg>',
        data=tuple(DataRow(name=name, images={"train": 90, "test": 9}) for name in run.classes),
        data_facts={"address": "shapes/"},
        **changes,
    )


def hostile_run(make_run: MakeRun) -> RunContent:
    """A run in which every text that users choose is an attack."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    shown = Picture(pixels=pixels, name=HOSTILE, truth=HOSTILE, guess=HOSTILE, probability=1.0)
    run = make_run(2)
    return make_run(
        2,
        title=HOSTILE,
        subtitle=HOSTILE,
        decisions=(HOSTILE,),
        classes=(HOSTILE, "other"),
        scores=(),
        exits=(
            ExitRow(name=HOSTILE, after=HOSTILE, macs=5, share_of_macs=0.5, top1=0.5),
            run.exits[-1],
        ),
        suspects=(shown,),
        mistakes=(shown,),
        examples=(shown,),
        cells=(Cell(truth=0, guess=0, pictures=(shown,)),),
        data=(DataRow(name=HOSTILE, images={"train": 1}),),
        data_facts={HOSTILE: HOSTILE},
        unusable=(UnusableRow(path=HOSTILE, reason=HOSTILE),),
        machine={HOSTILE: HOSTILE},
    )


def empty_run(make_run: MakeRun) -> RunContent:
    """A run that scored nothing and left nothing out."""
    only = EpochRow(epoch=1, seconds=1.0, lr=0.1, train_loss=2.3)
    main = ExitRow(name="main", after="inception5b", macs=5, share_of_macs=1.0, top1=None)
    return make_run(
        2,
        top1=None,
        training_seconds=None,
        images_per_second=None,
        peak_bytes=None,
        images={"train": 12},
        decisions=(),
        plans=(),
        epochs=(only,),
        exits=(main,),
        scores=(),
        confusion=np.zeros((2, 2), np.int64),
        mistakes=(),
        examples=(),
        cost=(),
        cost_totals=None,
        unusable=(),
        commands=(),
        machine={},
    )


def drawings(html: str) -> list[str]:
    """Every figure of a page, legends' keys left out."""
    return re.findall(r"<svg xmlns.*?</svg>", html, re.DOTALL)


@pytest.mark.parametrize("classes", [2, 10, 31, 120, 600])
def test_the_page_is_well_formed_for_any_number_of_classes(make_run: MakeRun, classes: int) -> None:
    html = render(make_run(classes))
    page = Page(html)

    assert (page.unmatched, page.open) == ([], [])
    assert len(page.ids) == len(set(page.ids))
    assert [ET.fromstring(drawing).get("role") for drawing in drawings(html)] == ["img"] * 5  # noqa: S314


@pytest.mark.parametrize("classes", [2, 10, 120])
def test_nothing_is_loaded_from_elsewhere(make_run: MakeRun, classes: int) -> None:
    html = render(make_run(classes))
    page = Page(html)

    assert {address.split(":")[0] for address in page.addresses if address[:1] != "#"} == {"data"}
    assert re.findall(r"@import|url\(|https?:", html.replace(NAMESPACE, "")) == []
    assert "default-src 'none'" in html


def test_everything_there_is_is_shown_and_well_formed(make_run: MakeRun) -> None:
    html = render(full_run(make_run))
    page = Page(html)
    words = " ".join(page.text.split())

    assert (page.unmatched, page.open) == ([], [])
    assert len(page.ids) == len(set(page.ids))
    assert [ET.fromstring(drawing).get("role") for drawing in drawings(html)] == ["img"] * 6  # noqa: S314
    assert (
        "Its answers are 85.7\N{NO-BREAK SPACE}% sure on average and 77.1\N{NO-BREAK SPACE}% "
        in (page.text)
    )
    assert "it is too sure of itself" in words
    assert "All exits give each of these test images the same answer, and it is not its" in words
    assert "data:image/svg+xml;base64," in html
    assert "shapes/" in words
    assert {a.split(":")[0] for a in page.addresses if a[:1] != "#"} == {"data"}


def test_a_cell_of_the_matrix_leads_to_its_pictures(make_run: MakeRun) -> None:
    html = render(full_run(make_run))
    many = render(full_run(make_run, 31))

    assert html.count('<a href="#cell-0-1"><g class="wrong') == 1
    assert html.count('id="cell-0-1"') == 1
    assert "taken for <bdi>class 1</bdi>: 3 images " in html
    assert "cell-0-1" not in many


def test_a_page_with_everything_is_small(make_run: MakeRun) -> None:
    """Ten classes of photos, every cell of the matrix full of pictures."""
    run = make_run(10, side=500)
    confusion = np.full((10, 10), 9)
    cells = tuple(
        Cell(truth=i, guess=j, pictures=run.examples[:3]) for i in range(10) for j in range(10)
    )
    shown = tuple(replace(p, evidence=p.pixels) for p in run.mistakes)
    full = full_run(make_run, 10, 500)
    page = render(
        replace(full, confusion=confusion, cells=cells, suspects=shown[:12], mistakes=shown)
    )

    assert len(page.encode()) < 5_000_000


def test_links_of_the_contents_lead_somewhere(make_run: MakeRun) -> None:
    page = Page(render(make_run()))
    targets = [address[1:] for address in page.addresses if address.startswith("#")]

    assert len(targets) == 13
    assert set(targets) <= set(page.ids)


def test_what_users_write_is_shown_and_never_run(make_run: MakeRun) -> None:
    html = render(hostile_run(make_run))
    page = Page(html)

    assert page.scripts == 1
    assert "<script>alert" not in html
    assert "<script>alert('x')</script>&\"caf\\xe9\\x00\\u202e" in page.text
    assert [ET.fromstring(drawing).tag for drawing in drawings(html)]  # noqa: S314


def test_names_of_any_bytes_can_be_written_as_utf8(make_run: MakeRun) -> None:
    html = render(hostile_run(make_run))

    assert html.encode("utf-8").decode("utf-8") == html
    assert "\x00" not in html


def test_the_browser_is_told_to_run_our_script_alone(make_run: MakeRun) -> None:
    html = render(make_run())

    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", html)
    assert "onclick" not in html


def test_equal_content_makes_equal_bytes(make_run: MakeRun) -> None:
    assert render(make_run(10, side=100)) == render(make_run(10, side=100))


@pytest.mark.parametrize(
    ("sentence", "section"),
    [
        ("nothing was scored", "headline"),
        ("No decision was recorded", "decisions"),
        ("There was no val set to follow", "learning"),
        ("One epoch is one point", "learning"),
        ("This network has no early exits", "exits"),
        ("there is no confusion matrix", "classes"),
        ("there is nothing to compare with", "confidence"),
        ("There are no early exits whose answers could speak against a label", "labels"),
        ("no mistake was seen", "mistakes"),
        ("The data of this run was not recorded", "data"),
        ("No correctly classified image", "examples"),
        ("every file that was found could be used", "unusable"),
    ],
)
def test_an_empty_section_says_so(make_run: MakeRun, sentence: str, section: str) -> None:
    page = Page(render(empty_run(make_run)))

    assert sentence in " ".join(page.text.split()), section
    assert (page.unmatched, page.open) == ([], [])


def test_a_run_without_mistakes_is_said_to_have_none(make_run: MakeRun) -> None:
    run = make_run(2, top1=1.0, confusion=np.diag([40, 5]).astype(np.int64), mistakes=())
    page = Page(render(run))

    assert "Not one of the 45 images of the test set was misread." in page.text
    assert "all 45 images of the test set were classified correctly" in page.text


def test_mistakes_that_are_not_there_to_show_are_counted(make_run: MakeRun) -> None:
    run = make_run(2, confusion=np.array([[40, 2], [1, 5]]), mistakes=())
    words = " ".join(Page(render(run)).text.split())

    assert "3 images of the test set were misread; none of them is there to show." in words
    assert "No mistake that all exits make alike is there to show." in words
    assert "classified correctly." not in words


def test_a_run_stopped_before_its_first_epoch_has_a_page(make_run: MakeRun) -> None:
    assert "No epoch was finished" in Page(render(make_run(epoch_count=0))).text


def test_missing_numbers_are_dashes_even_where_somebody_passed_nan(make_run: MakeRun) -> None:
    nan = float("nan")
    run = make_run(
        2,
        top1=nan,
        top5=None,
        images_per_second=nan,
        epochs=(EpochRow(epoch=1, seconds=1.0, lr=0.1, train_loss=nan, val_top1=None),),
        exits=(ExitRow(name="main", after="b", macs=0, share_of_macs=1.0, top1=nan),),
    )
    html = render(run)

    assert not re.search(r"\b(nan|None|inf)\b", Page(html).text)
    assert not re.search(r'="[^"]*\bnan\b', html)
    assert f'<span class="big">{DASH}</span>' in html


def test_ten_classes_of_photos_take_less_than_600_kb(make_run: MakeRun) -> None:
    run = make_run(10, side=500, epoch_count=200)

    assert len(render(run).encode()) < 600_000


def test_a_thousand_classes_take_less_than_5_mb(make_run: MakeRun) -> None:
    random = np.random.default_rng(0)
    confusion = random.integers(0, 2, (1000, 1000)) + np.eye(1000, dtype=np.int64) * 50
    run = make_run(1000, side=500, confusion=confusion)

    assert len(render(run).encode()) < 5_000_000


def test_small_pictures_are_kept_exactly_and_enlarged_in_squares(make_run: MakeRun) -> None:
    small, photo = render(make_run(side=32)), render(make_run(side=300))

    assert small.count("data:image/png;base64") == small.count("class=pixels") == 34
    assert photo.count("data:image/webp;base64") == 34
    assert "class=pixels" not in photo


def test_photos_are_shrunk_and_keep_their_shape(make_run: MakeRun) -> None:
    wide = replace(make_run().mistakes[0], pixels=np.zeros((300, 600, 3), np.uint8))
    html = render(make_run(mistakes=(wide,), examples=()))
    encoded = re.search(r"data:image/webp;base64,([^\"]+)", html)

    assert encoded is not None
    assert Image.open(io.BytesIO(base64.b64decode(encoded[1]))).size == (192, 96)


def test_a_report_needs_neither_torch_nor_matplotlib() -> None:
    heavy = "{'torch', 'matplotlib', 'pyarrow'}"
    code = f"import sys, inceptionkit.report.html; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_long_lists_are_cut_and_counted(make_run: MakeRun) -> None:
    rows = tuple(UnusableRow(path=f"{k}.jpg", reason="empty") for k in range(1234))
    page = Page(render(make_run(unusable=rows)))

    assert "1,234 files could not be used" in page.text
    assert "The first 200 are listed here" in page.text
    assert "\n199.jpg" in page.text
    assert "200.jpg" not in page.text


def test_classes_are_listed_weakest_first_and_unscored_ones_last(make_run: MakeRun) -> None:
    rows = make_run(4).scores
    scores = [0.9, None, 0.2, 0.9]
    rows = tuple(replace(row, f1=f1) for row, f1 in zip(rows, scores, strict=True))

    assert [row.name for row in weakest_first(rows)] == ["class 2", "class 0", "class 3", "class 1"]


def test_a_confusion_matrix_of_other_classes_is_refused(make_run: MakeRun) -> None:
    with pytest.raises(ValueError, match=r"must be \(2, 2\) for these classes, got \(3, 3\)"):
        make_run(2, confusion=np.zeros((3, 3), np.int64))
