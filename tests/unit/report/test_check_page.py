"""The page of `check` as a document."""

import re
from dataclasses import replace
from html.parser import HTMLParser

from made_up import MadeUpImages, made_up_scan

from inceptionkit.data import Unusable
from inceptionkit.data.quality.findings import Finding
from inceptionkit.data.quality.near_duplicates import Group
from inceptionkit.report.check_page import render

NASTY = "<script>alert(1)</script>\udce9.jpg"
IMAGES = MadeUpImages(
    names=(NASTY,) * 11,
    labels=(0,) * 11,
    sets=(0,) * 8 + (2,) * 3,
    classes=("<b>rose</b>", NASTY),
    address=NASTY,
    skipped=(Unusable(NASTY, "truncated"),),
)
COPIES = Group(members=tuple(range(8)), exact=False, mirrored=True)
FINDINGS = (
    Finding(severity="error", kind="copies", says="copies", advice="remove", images=COPIES.members),
    Finding(severity="note", kind="few", says=NASTY, advice="nothing"),
    Finding(severity="note", kind="dark", says="dark", advice="look", images=(9,) * 1258),
)


def page(images: MadeUpImages = IMAGES, findings: tuple[Finding, ...] = FINDINGS) -> str:
    made_at = "2026-01-31 14:05 UTC"
    return render(made_up_scan(images), (COPIES,), findings, (), made_at=made_at)


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


def test_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere() -> None:
    tags = Tags()
    tags.feed(page())

    assert len(set(tags.ids)) == len(tags.ids)
    assert set(tags.targets) <= set(tags.ids)
    assert set(tags.loads) == {"data:"}
    assert "copies" in tags.targets


def test_names_of_any_bytes_are_shown_and_do_nothing() -> None:
    html = page()

    html.encode()
    assert html.count("<script>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\xe9.jpg" in html
    assert "<b>rose" not in html


def test_what_is_not_shown_is_counted() -> None:
    many = replace(IMAGES, skipped=(Unusable("x.jpg", "truncated"),) * 501)
    html = re.sub(r"\s+", " ", page(many))

    assert "1,234 more are not shown." in html
    assert "one mirrored, 4 more" in html
    assert "501 files cannot be used" in html
    assert "The first 500 are listed." in html


def test_equal_content_gives_equal_pages() -> None:
    assert page() == page()


def test_a_page_without_findings_says_so() -> None:
    clean = replace(IMAGES, sets=(-1,) * 11, skipped=())
    html = page(clean, ())

    assert "Nothing: no copies, no odd images, and enough of every class." in html
    assert "None: every file could be used." in html
    assert '<th scope="col" class="num">all</th>' not in html
