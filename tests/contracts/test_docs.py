"""Pages lead where they say, and name verbs and options that there are."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from inceptionkit.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), *(ROOT / "benchmarks").glob("**/*.md")]
)
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def options() -> dict[str, set[str]]:
    """Verb -> its options; "detect train" is one, and "detect" another."""
    verbs = dict(typer.main.get_command(app).commands)
    verbs |= {f"detect {name}": verb for name, verb in verbs["detect"].commands.items()}
    return {
        name: {"--help"}
        | {
            word
            for part in (verb, *getattr(verb, "commands", {}).values())  # a group has verbs
            for one in part.params
            for word in (*one.opts, *one.secondary_opts)
        }
        for name, verb in verbs.items()
    }


def anchors(text: str) -> set[str]:
    """What a heading's address is on the usual sites."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", text), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


_VERB = r"((?:detect )?[a-z]+)"


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Verb and what is given to it, in blocks and in the midst of sentences."""
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from re.findall(rf"\binceptionkit {_VERB}\b([^#|]*)", line)
    for span in CODE.findall(FENCE.sub("", text)):
        found = re.match(rf"(inceptionkit )?{_VERB}\b(.*)", span)
        if found and (found[1] or found[2] in options()):
            yield found[2], found[3]


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_every_link_leads_somewhere(page: Path) -> None:
    text, lost = page.read_text("utf-8"), []
    for address, anchor in LINK.findall(FENCE.sub("", text)):
        if address.startswith(("http://", "https://", "mailto:")):
            continue
        target = page.parent / address if address else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            lost.append(f"{address}#{anchor}")

    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_every_verb_and_option_is_one(page: Path) -> None:
    text, wrong = page.read_text("utf-8"), []
    for verb, rest in commands(text):
        known = options().get(verb, set())
        wrong += [f"inceptionkit {verb} {one}" for one in OPTION.findall(rest) if one not in known]
        wrong += [] if verb in options() else [f"inceptionkit {verb}"]

    assert wrong == []


def test_the_pages_show_commands() -> None:
    """Else the test above would see none."""
    shown = [verb for page in PAGES for verb, _ in commands(page.read_text("utf-8"))]

    assert {"train", "evaluate", "predict", "check", "describe", "export"} <= set(shown)
