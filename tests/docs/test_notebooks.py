"""Tutorials as notebooks: written from the pages, and run from the first cell to the last."""

import os
import runpy
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from pages import shorter
from served import free_port

DOCS = Path(__file__).parents[2] / "docs"
TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_notebooks_are_of_today(page: Path) -> None:
    """`python docs/write_notebooks.py` writes them."""
    made = runpy.run_path(str(DOCS / "write_notebooks.py"))["notebook"](page)

    assert page.with_suffix(".ipynb").read_text("utf-8") == made
    nbformat.validate(nbformat.reads(made, as_version=4))


@pytest.mark.slow
@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_notebook_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    notebook = nbformat.read(page.with_suffix(".ipynb"), as_version=4)
    notebook.cells = [c for c in notebook.cells if "network" not in c.metadata.get("tags", [])]
    port = str(free_port())
    for cell in notebook.cells:
        cell.source = shorter(cell.source).replace("8000", port)

    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()

    ran = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(ran) > 3
    assert all(cell.execution_count for cell in ran)
