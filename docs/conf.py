"""The documentation site: `sphinx-build -W docs build/site`, then open build/site/index.html."""

import re
from functools import partial
from os.path import normpath, relpath
from pathlib import Path
from posixpath import dirname, join
from runpy import run_path
from typing import Any

from sphinx.application import Sphinx

import inceptionkit

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PROJECT = {
    "project/benchmarks": "benchmarks/README.md",
    "project/changelog": "CHANGELOG.md",
    "project/contributing": "CONTRIBUTING.md",
}  # page of the site -> the file outside of docs/ that it shows
LINK = re.compile(r"\]\(([^)\s#:]+)(#[^)\s]+)?\)")

project = "inceptionkit"
author = project_copyright = "the inceptionkit authors"
release = version = inceptionkit.__version__
language = "en"
highlight_language = "text"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["build"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 60
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = "inceptionkit"
html_favicon = "../src/inceptionkit/serving/page/icon.svg"
html_logo = html_favicon
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"footer_icons": []}


def relinked(text: str, file: str, page: str) -> str:
    """Markdown of a file of the repository, with links that lead the same way from a page.

    A file that is no page of the site becomes a download.
    """
    shown = {path: name for name, path in PROJECT.items()}

    def link(match: re.Match[str]) -> str:
        address, anchor = match[1], match[2] or ""
        target = normpath(join(dirname(file), address))
        here = dirname(f"docs/{page}")
        if target in shown:
            return f"]({relpath(f'docs/{shown[target]}.md', here)}{anchor})"
        if target.startswith("docs/"):
            return f"]({relpath(target, here)}{anchor})"
        inside = ROOT / target
        inside = inside / "README.md" if (inside / "README.md").is_file() else inside
        where = relpath(inside, DOCS / dirname(page))
        return f"](<path:{where}>)" if inside.is_file() else f"]({where})"

    return LINK.sub(link, text)


def read(_: Sphinx, page: str, source: list[str]) -> None:
    """Show what the code says, and files from outside of docs/, with links that lead there."""
    file = PROJECT.get(page, f"docs/{page}.md")
    text = (ROOT / file).read_text(encoding="utf-8") if page in PROJECT else source[0]
    if page == "reference/recipe-keys":
        text = text.replace("<!-- recipe keys -->", made("recipe_keys.py", "table"))
    if page == "reference/python":
        text = text.replace("<!-- others -->", made("python_names.py", "others", text))
        text = text.replace("<!-- results -->", made("python_names.py", "results"))
    text = re.sub(r"^(\S+)/\*$", partial(others, text), text, flags=re.MULTILINE)
    source[0] = relinked(text, file, page)


def others(text: str, pattern: re.Match[str]) -> str:
    """The pages of a folder that a list does not name, in place of `folder/*`."""
    pages = sorted(f"{pattern[1]}/{page.stem}" for page in (DOCS / pattern[1]).glob("*.md"))
    return "\n".join(page for page in pages if page not in text)


def made(script: str, name: str, *given: str) -> str:
    """What a script of this folder says."""
    found: str = run_path(str(DOCS / script))[name](*given)
    return found


def named(*given: Any) -> None:  # noqa: ANN401 - what Sphinx gives
    """Keep the underscore of `from_`, which reStructuredText takes for the end of a link."""
    lines: list[str] = given[-1]
    lines[:] = [re.sub(r"^(:param \w+)_:", r"\1\_:", line) for line in lines]


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", read)
    app.connect("autodoc-process-docstring", named, priority=900)
