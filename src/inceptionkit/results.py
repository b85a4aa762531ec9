"""What verbs return: a repr of a few lines, and tables for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = 14  # of a repr, at most
WIDE = 100  # characters of a line, at most


class Result:
    """Base of the frozen dataclasses that verbs return."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        raise NotImplementedError

    def summary(self) -> dict[str, Any]:
        """What `repr` shows: all of `to_json`, where a result does not choose."""
        return self.to_json()

    def __repr__(self) -> str:
        rows = [f"{key}: {_brief(value)}" for key, value in self.summary().items()]
        more = [f"and {len(rows) - LINES} more"] if len(rows) > LINES else []
        return "\n    ".join(map(_plain, [type(self).__name__, *rows[:LINES], *more]))


class Scored(Protocol):
    """Scores on some images, as `evaluate` computes them."""

    def table(self) -> str:
        """The classes, as HTML."""

    def plot(self) -> Figure:
        """The confusion matrix."""


class ScoredResult(Result):
    """Base of results that hold scores on some images."""

    __slots__ = ()
    evaluation: Scored

    def _repr_html_(self) -> str:
        return self.evaluation.table()

    def plot(self) -> Figure:
        """Draw the confusion matrix.

        Raises:
            RunError: matplotlib is not installed.
        """
        return self.evaluation.plot()


def _plain(line: str) -> str:
    r"""A line without what would act on a terminal.

    >>> _plain("rose \x1b[31m")
    'rose \\x1b[31m'
    """
    return line if line.isprintable() else repr(line)[1:-1]


def _brief(value: object) -> str:
    """A JSON value on one line; of what is long, how much there is.

    >>> _brief(1234567), _brief([1, 2]), _brief({"a": [{}]})
    ('1,234,567', '1, 2', '1 (a)')
    """
    if isinstance(value, bool) or not isinstance(value, int | float | dict | list):
        return str(value)
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
    flat = isinstance(value, list) and not any(isinstance(one, dict | list) for one in value)
    text = ", ".join(map(_brief, value)) if flat or isinstance(value, dict) else ""
    if flat and len(text) < WIDE:
        return text
    return f"{len(value):,} ({text})" if not flat and 0 < len(text) < WIDE else f"{len(value):,}"


def embedded_page(page: Path, height: int = 800) -> str:
    """A page of ours inside a notebook, as HTML; nothing where it is gone."""
    try:
        text = page.read_text(encoding="utf-8")
    except OSError:
        return ""
    return f'<iframe srcdoc="{escape(text)}" width="100%" height="{height}"></iframe>'


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """An HTML table."""

    def line(cells: Sequence[object], tag: str) -> str:
        texts = (escape(_plain(str(one))) for one in cells)
        return "<tr>" + "".join(f"<{tag}>{text}</{tag}>" for text in texts) + "</tr>"

    return f"<table>{line(heads, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"
