"""Write the tutorials as notebooks: `python docs/write_notebooks.py`.

The pages in docs/tutorials are the source. A block of commands becomes a cell for bash, a
block of Python a cell of Python, everything else text. A server runs beside the notebook.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

TUTORIALS = Path(__file__).with_name("tutorials")
BLOCK = re.compile(
    r"(?:^<!-- (not run)[^\n]* -->\n+)?^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
SERVER = "inceptionkit serve"
READY = (
    "curl --silent --retry 60 --retry-connrefused --retry-delay 1 "
    "http://localhost:8000/v2/health/ready"
)
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def code(kind: str | None, language: str, text: str) -> Iterator[Any]:
    """The cells of a block; those that need the network have a tag."""
    text = text.strip("\n")
    tags = {"tags": ["network"]} if kind or text.startswith("pip ") else {}
    if language == "python":
        yield new_code_cell(text)
    elif text.startswith(SERVER):
        yield new_code_cell(f"%%bash --bg\n{text}")
        yield new_code_cell(f"%%bash -e\n{READY}")
    else:
        yield new_code_cell(f"%%bash -e\n{text}", metadata=tags)


def cells(page: str) -> Iterator[Any]:
    """The cells of a page."""
    at = 0
    for block in BLOCK.finditer(page):
        if text := page[at : block.start()].strip():
            yield new_markdown_cell(text)
        yield from code(*block.groups())
        at = block.end()
    if text := page[at:].strip():
        yield new_markdown_cell(text)


def notebook(page: Path) -> str:
    """A tutorial as the text of a notebook, without outputs."""
    made = new_notebook(
        cells=[*cells(page.read_text(encoding="utf-8"))], metadata={"kernelspec": KERNEL}
    )
    for number, cell in enumerate(made.cells):
        cell.id = f"{page.stem}-{number}"  # the same each time
    written: str = nbformat.writes(made)
    return written.rstrip("\n") + "\n"


if __name__ == "__main__":
    for page in sorted(TUTORIALS.glob("*.md")):
        page.with_suffix(".ipynb").write_text(notebook(page), encoding="utf-8")
