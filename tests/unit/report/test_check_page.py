"""The page of `check` as a document."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from inceptionkit.report.check_page import (
    CheckContent,
    Cluster,
    FindingRow,
    Picture,
    Section,
    render,
)

NASTY = "<script>alert(1)</script>\udce9.jpg"


@pytest.fixture
def content() -> CheckContent:
    small = Picture(pixels=np.zeros((8, 8, 3), np.uint8), name=NASTY, lines=("<b>rose</b>",))
    large = replace(small, pixels=np.zeros((90, 300, 3), np.uint8))
    return CheckContent(
        title=NASTY,
        subtitle="3 usable images.",
        made_at="2026-01-31 14:05 UTC",
        verdict="1 error",
        facts={"images": "3"},
        findings=(
            FindingRow(severity="error", says="copies", advice="remove", anchor="copies"),
            FindingRow(severity="note", says=NASTY, advice="nothing", anchor=None),
        ),
        sets=("train", "test"),
        classes=(("rose", (2, 1)), (NASTY, (0, 0))),
        sections=(
            Section(
                anchor="copies",
                title="Copies",
                lead="The same.",
                clusters=(Cluster(says="one mirrored", pictures=(small, large), more=7),),
                more=1234,
            ),
            Section(anchor="dark", title="Dark", lead="Black.", pictures=(small,)),
        ),
        tables={"format": {"PNG": 3}},
        unusable=((NASTY, "truncated"),),
    )


class Tags(HTMLParser):
    """Collects ids and the targets of links."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key == "id":
                self.ids.append(value or "")
            if key == "href" and tag == "a":
                self.targets.append((value or "").removeprefix("#"))
            if key in {"src", "href"} and tag != "a":
                self.loads.append((value or "")[:5])


def test_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere(content: CheckContent) -> None:
    tags = Tags()
    tags.feed(render(content))

    assert len(set(tags.ids)) == len(tags.ids)
    assert set(tags.targets) <= set(tags.ids)
    assert set(tags.loads) == {"data:"}
    assert "copies" in tags.targets


def test_names_of_any_bytes_are_shown_and_do_nothing(content: CheckContent) -> None:
    page = render(content)

    page.encode()
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\xe9.jpg" in page
    assert "<b>rose" not in page


def test_what_is_not_shown_is_counted(content: CheckContent) -> None:
    many = replace(content, unusable=(("x.jpg", "truncated"),) * 501)
    page = re.sub(r"\s+", " ", render(many))

    assert "1,234 more are not shown." in page
    assert "one mirrored, 7 more" in page
    assert "501 files cannot be used" in page
    assert "The first 500 are listed." in page


def test_equal_content_gives_equal_pages(content: CheckContent) -> None:
    assert render(content) == render(content)


def test_a_page_without_findings_says_so(content: CheckContent) -> None:
    clean = replace(content, findings=(), sections=(), unusable=(), sets=("all",))
    page = render(replace(clean, classes=(("rose", (2,)), ("empty", (0,)))))

    assert "Nothing: no copies, no odd images, and enough of every class." in page
    assert "None: every file that was found could be used." in page
    assert '<th scope="col" class="num">all</th>' not in page
