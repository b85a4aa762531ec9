"""What a reader of a run's page relies on."""

import base64
import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from made_up import exit_result, made_up_album, made_up_run, picture
from PIL import Image

from inceptionkit.data import Unusable
from inceptionkit.evaluation.calibration import Bin
from inceptionkit.evaluation.heat_colors import layer
from inceptionkit.evaluation.metrics import ClassScore
from inceptionkit.report.pictures import Album, Picture, address, embedded
from inceptionkit.report.run_page import calibration, render, weakest_first
from inceptionkit.text import DASH

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


def page(
    class_count: int = 10,
    /,
    *,
    side: int = 8,
    album: Album | None = None,
    class_images: dict[str, dict[str, int]] | None = None,
    **changes: Any,
) -> str:
    """The page of a made-up run; `changes` are those of `made_up_run`."""
    album = made_up_album(side) if album is None else album
    return render(made_up_run(class_count, **changes), album, class_images or {})


def with_heat(picture: Picture) -> Picture:
    """The picture with what spoke for its answer."""
    evidence = np.random.default_rng(0).random((7, 7), np.float32)
    return replace(picture, fitted=picture.image, heat=address(layer(evidence, 96), "WEBP"))


def full_page(classes: int = 10, side: int = 8, album: Album | None = None, **changes: Any) -> str:
    """A page with everything that there can be."""
    some = made_up_album(side).mistakes
    bright = with_heat(some[0])
    names = made_up_run(classes).classes
    whole: dict[str, Any] = {
        "album": album
        or made_up_album(
            side,
            suspects=(bright,) * 12,
            mistakes=(bright, *some[1:]),
            cells={(0, 1): some[:3]} if classes <= 30 else {},
        ),
        "class_images": {name: {"train": 90, "test": 9} for name in names},
        "curve": tuple((7e8 + 1e8 * k, 0.7 + 0.01 * k) for k in range(6)),
        "bins": (
            Bin(low=0.0, high=1.0, images=30, confidence=0.62, top1=0.5),
            Bin(low=0.0, high=1.0, images=63, confidence=0.97, top1=0.9),
        ),
    }
    return page(classes, side=side, **whole | changes)


def hostile_page() -> str:
    """A page in which every text that users choose is an attack."""
    shown = replace(picture(8, 0, HOSTILE, HOSTILE), name=HOSTILE, probability=1.0)
    album = Album(suspects=(shown,), mistakes=(shown,), examples=(shown,), cells={(0, 0): (shown,)})
    main = made_up_run().exits[-1]
    return page(
        2,
        album=album,
        class_images={HOSTILE: {"train": 1}},
        data={"address": HOSTILE, "rule": HOSTILE},
        reasons=(HOSTILE,),
        classes=(HOSTILE, "other"),
        exits=(exit_result(HOSTILE, macs=5, share_of_macs=0.5, top1=0.5), main),
        unusable=(Unusable(HOSTILE, HOSTILE),),
        machine={HOSTILE: HOSTILE},
    )


def empty_page() -> str:
    """The page of a run that scored nothing and left nothing out."""
    return page(
        2,
        album=Album(),
        top1=None,
        seconds=None,
        images_per_second=None,
        peak_bytes=None,
        data={"sets": {"train": 12}},
        reasons=(),
        plans=(),
        epochs=({"epoch": 1.0, "seconds": 1.0, "lr": 0.1, "train_loss": 2.3},),
        exits=(exit_result("main", macs=5, share_of_macs=1.0, top1=None),),
        confusion=np.zeros((2, 2), np.int64),
        unusable=(),
        machine={},
    )


def drawings(html: str) -> list[str]:
    """Every figure of a page, legends' keys left out."""
    return re.findall(r"<svg xmlns.*?</svg>", html, re.DOTALL)


@pytest.mark.parametrize("classes", [2, 10, 31, 120, 600])
def test_the_page_is_well_formed_for_any_number_of_classes(classes: int) -> None:
    html = page(classes)
    shown = Page(html)

    assert (shown.unmatched, shown.open) == ([], [])
    assert len(shown.ids) == len(set(shown.ids))
    assert [ET.fromstring(drawing).get("role") for drawing in drawings(html)] == ["img"] * 5  # noqa: S314


@pytest.mark.parametrize("classes", [2, 10, 120])
def test_nothing_is_loaded_from_elsewhere(classes: int) -> None:
    html = page(classes)
    shown = Page(html)

    assert {address.split(":")[0] for address in shown.addresses if address[:1] != "#"} == {"data"}
    assert re.findall(r"@import|url\(|https?:", html.replace(NAMESPACE, "")) == []
    assert "default-src 'none'" in html


def test_everything_there_is_is_shown_and_well_formed() -> None:
    html = full_page()
    shown = Page(html)
    words = " ".join(shown.text.split())

    assert (shown.unmatched, shown.open) == ([], [])
    assert len(shown.ids) == len(set(shown.ids))
    assert [ET.fromstring(drawing).get("role") for drawing in drawings(html)] == ["img"] * 6  # noqa: S314
    assert (
        "Mean confidence is 85.7\N{NO-BREAK SPACE}%, accuracy 77.1\N{NO-BREAK SPACE}%, and the "
        "calibration error 8.6\N{NO-BREAK SPACE}%: "
    ) in shown.text
    assert "the model is over-confident" in words
    assert "show another class than the label says, and all exits agree." in words
    assert "data:image/svg+xml;base64," in html
    assert "shapes/" in words
    assert {a.split(":")[0] for a in shown.addresses if a[:1] != "#"} == {"data"}


def group(images: int, confidence: float, top1: float) -> Bin:
    return Bin(low=0.0, high=1.0, images=images, confidence=confidence, top1=top1)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([group(5000, 0.90, 0.91)], "the model is well calibrated."),
        ([group(5000, 0.90, 0.94)], "the model is slightly under-confident."),
        ([group(5000, 0.90, 0.77)], "the model is over-confident."),
        (  # the means agree, the error is 13.2 %
            [group(2500, 0.60, 0.732), group(2500, 0.95, 0.818)],
            "13.2 %: the model is over-confident in some answers and under-confident in others.",
        ),
        (
            [group(10, 0.60, 0.73), group(10, 0.80, 0.90)],
            "However, chance alone gives an error of about 11.2 % on so few images.",
        ),
        ([], ""),
    ],
)
def test_the_words_of_reliability_follow_the_error(groups: list[Bin], said: str) -> None:
    assert calibration(groups).endswith(said)


def test_a_cell_of_the_matrix_leads_to_its_pictures() -> None:
    html = full_page()
    many = full_page(31)

    assert html.count('<a href="#cell-0-1"><g class="wrong') == 1
    assert html.count('id="cell-0-1"') == 1
    assert "taken for <bdi>class 1</bdi>: 3 images " in html
    assert "cell-0-1" not in many


def test_a_page_with_everything_is_small() -> None:
    """Ten classes of photos, every cell of the matrix full of pictures."""
    photos = made_up_album(500)
    bright = tuple(map(with_heat, photos.mistakes))
    cells = {(i, j): photos.examples[:3] for i in range(10) for j in range(10)}
    album = replace(photos, suspects=bright[:12], mistakes=bright, cells=cells)
    html = full_page(10, 500, album=album, confusion=np.full((10, 10), 9))

    assert len(html.encode()) < 5_000_000


def test_links_of_the_contents_lead_somewhere() -> None:
    shown = Page(page())
    targets = [address[1:] for address in shown.addresses if address.startswith("#")]

    assert len(targets) == 15
    assert set(targets) <= set(shown.ids)


def test_what_users_write_is_shown_and_never_run() -> None:
    html = hostile_page()
    shown = Page(html)

    assert shown.scripts == 1
    assert "<script>alert" not in html
    assert "<script>alert('x')</script>&\"caf\\xe9\\x00\\u202e" in shown.text
    assert [ET.fromstring(drawing).tag for drawing in drawings(html)]  # noqa: S314


def test_names_of_any_bytes_can_be_written_as_utf8() -> None:
    html = hostile_page()

    assert html.encode("utf-8").decode("utf-8") == html
    assert "\x00" not in html


def test_the_browser_is_told_to_run_our_script_alone() -> None:
    html = page()

    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", html)
    assert "onclick" not in html


def test_equal_content_makes_equal_bytes() -> None:
    assert page(10, side=100) == page(10, side=100)


@pytest.mark.parametrize(
    ("sentence", "section"),
    [
        ("nothing was scored", "headline"),
        ("There was no val set to follow", "learning"),
        ("One epoch is one point", "learning"),
        ("This network has no early exits", "exits"),
        ("there is no confusion matrix", "classes"),
        ("there is nothing to compare with", "confidence"),
        ("no label can be doubted", "labels"),
        ("Nothing was scored, so there is nothing to go by", "next"),
        ("This run kept no pictures of a step", "batch"),
        ("no mistake was made", "mistakes"),
        ("No correctly classified image", "examples"),
        ("every file could be used", "unusable"),
    ],
)
def test_an_empty_section_says_so(sentence: str, section: str) -> None:
    shown = Page(empty_page())

    assert sentence in " ".join(shown.text.split()), section
    assert (shown.unmatched, shown.open) == ([], [])


def test_a_run_without_mistakes_is_said_to_have_none() -> None:
    confusion = np.diag([40, 5]).astype(np.int64)
    shown = Page(page(2, album=Album(), top1=1.0, confusion=confusion))

    assert "None of the 45 images of the test set was misread." in shown.text
    assert "all 45 images of the test set were classified correctly" in shown.text


def test_mistakes_that_are_not_there_to_show_are_counted() -> None:
    html = page(2, album=Album(), confusion=np.array([[40, 2], [1, 5]]))
    words = " ".join(Page(html).text.split())

    assert "3 images of the test set were misread; none of them is there to show." in words
    assert "never confident enough to be believed against a label" in words
    assert "classified correctly." not in words


def test_a_run_stopped_before_its_first_epoch_has_a_page() -> None:
    assert "No epoch was finished" in Page(page(epoch_count=0)).text


def test_missing_numbers_are_dashes_even_where_somebody_passed_nan() -> None:
    nan = float("nan")
    html = page(
        2,
        top1=nan,
        top5=None,
        images_per_second=nan,
        epochs=({"epoch": 1.0, "seconds": 1.0, "lr": 0.1, "train_loss": nan},),
        exits=(exit_result("main", macs=0, share_of_macs=1.0, top1=nan),),
    )

    assert not re.search(r"\b(nan|None|inf)\b", Page(html).text)
    assert not re.search(r'="[^"]*\bnan\b', html)
    assert f'<span class="big">{DASH}</span>' in html


def test_ten_classes_of_photos_take_less_than_600_kb() -> None:
    html = page(10, side=500, epoch_count=200)

    assert len(html.encode()) < 600_000


def test_a_thousand_classes_take_less_than_5_mb() -> None:
    random = np.random.default_rng(0)
    confusion = random.integers(0, 2, (1000, 1000)) + np.eye(1000, dtype=np.int64) * 50
    html = page(1000, side=500, confusion=confusion)

    assert len(html.encode()) < 5_000_000


def test_small_pictures_are_kept_exactly_and_enlarged_in_squares() -> None:
    small, photo = page(side=32), page(side=300)

    assert small.count("data:image/png;base64") == small.count("class=pixels") == 34
    assert photo.count("data:image/webp;base64") == 34
    assert "class=pixels" not in photo


def test_photos_are_shrunk_and_keep_their_shape() -> None:
    image = embedded(np.zeros((300, 600, 3), np.uint8))
    html = page(album=Album(examples=(replace(picture(8, 0, "a", "a"), image=image),)))
    encoded = re.search(r"data:image/webp;base64,([^\"]+)", html)

    assert encoded is not None
    assert Image.open(io.BytesIO(base64.b64decode(encoded[1]))).size == (192, 96)


def test_a_report_needs_neither_torch_nor_matplotlib() -> None:
    heavy = "{'torch', 'matplotlib', 'pyarrow'}"
    code = f"import sys, inceptionkit.report.run_page; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_long_lists_are_cut_and_counted() -> None:
    rows = tuple(Unusable(f"{k}.jpg", "empty") for k in range(1234))
    shown = Page(page(unusable=rows))

    assert "1,234 files could not be used" in shown.text
    assert "The first 200 are listed here" in shown.text
    assert "\n199.jpg" in shown.text
    assert "200.jpg" not in shown.text


def test_classes_are_listed_weakest_first_and_unscored_ones_last() -> None:
    scores = [0.9, None, 0.2, 0.9]
    rows = tuple(
        ClassScore(name=f"class {k}", images=9, precision=0.9, recall=1.0, f1=f1)
        for k, f1 in enumerate(scores)
    )

    assert [row.name for row in weakest_first(rows)] == ["class 2", "class 0", "class 3", "class 1"]


def test_mistakes_that_are_not_shown_are_counted() -> None:
    html = page(album=replace(made_up_album(), mistake_count=40))

    assert "24 of 40 mistakes." in html
    assert "of 24 mistakes" not in page()


def test_a_run_that_learned_nothing_says_so_at_its_head() -> None:
    found = {"says": "all are <a>", "cause": "too short", "command": "inceptionkit train x"}
    head, _, _ = page(nothing_learned=found).partition("</header>")

    assert '<span class="big wrong">' in head
    assert "This run learned nothing: all are &lt;a&gt;; likely cause: too short. Try this:" in head
    assert "<span>inceptionkit</span> <span>train</span> <span>x</span>" in head
    assert "wrong" not in page().partition("</header>")[0].partition("<body")[2]
