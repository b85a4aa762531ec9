"""The documentation site is built without a warning, is whole, and needs no network."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from chromium import CHROMIUM, dom
from pages import blocks
from sphinx.util.inventory import InventoryFile

import inceptionkit
from inceptionkit.spec import from_json

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    words = ["-b", "html", "--fail-on-warning", "--keep-going", "--quiet", str(DOCS), str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.mark.slow
def test_every_public_name_and_every_page_is_there(site: Path) -> None:
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    names = {name for kind in inventory.data.values() for name in kind}

    assert {f"inceptionkit.{name}" for name in inceptionkit.__all__} <= names
    for page in DOCS.glob("**/*.md"):
        assert (site / page.relative_to(DOCS)).with_suffix(".html").is_file()


@pytest.mark.slow
def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    fetched = re.compile(r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//|<link[^>]+href="http')
    pages = {page.name: page.read_text("utf-8") for page in site.glob("**/*.html")}
    found = [name for name, text in pages.items() if fetched.search(text)]

    assert found == []


@pytest.mark.slow
def test_every_recipe_key_says_what_it_does(site: Path) -> None:
    rows = runpy.run_path(str(DOCS / "recipe_keys.py"))["table"]().splitlines()[2:]
    page = (site / "reference" / "recipe-keys.html").read_text("utf-8")

    assert len(rows) > 50
    for row in rows:
        key, meaning = row.split(" | ")[0].strip("| `"), row.split(" | ")[-1].strip("| ")
        assert meaning, row
        assert key in page


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.browser
def test_the_search_works_from_a_folder(site: Path) -> None:
    page = site / "ask.html"
    page.write_text('<meta http-equiv="refresh" content="0; url=search.html?q=horizon">')

    assert "reference/recipe-keys.html" in dom(page)


def test_the_badges_are_of_today() -> None:
    """`python docs/write_badges.py` writes them."""
    badges = runpy.run_path(str(DOCS / "write_badges.py"))["badges"]()

    assert len(badges) == 3
    for name, picture in badges.items():
        assert (DOCS / "images" / name).read_text("utf-8") == picture


def test_the_architecture_file_that_is_shown_is_one() -> None:
    shown = [b for b in blocks(DOCS / "reference" / "files.md") if b.language == "json"]

    assert [from_json(json.loads(block.text)).name for block in shown] == ["small"]
