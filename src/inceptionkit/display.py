"""Progress of a verb that was given no listener: lines in a script, a bar in a notebook.

A notebook gets plain HTML, which is rewritten in its place: no widget, no extension, and it is
still there when the notebook is opened again.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from html import escape
from time import monotonic
from typing import Any, Protocol

from inceptionkit.progress import Listener, Progress
from inceptionkit.results import table
from inceptionkit.text import (
    DASH,
    ESCAPES_IN_LINES,
    duration,
    is_measured,
    loss,
    percent,
    whole_percent,
)

_EVERY = 10.0  # seconds between progress lines where nothing can be rewritten
_DRAWN = 0.2  # seconds between two drawings
_ROWS = 12  # epochs that a notebook shows, the last ones


class Shown:
    """The default listener: what it hears is shown on standard error, or in the notebook.

    Each verb closes it at its end; the next one begins again.
    """

    def __init__(self) -> None:
        self.shown: _Script | _Notebook | None = None

    def __repr__(self) -> str:
        return "SHOWN"

    @property
    def place(self) -> _Script | _Notebook:
        """Where things are shown now."""
        if self.shown is None:
            display = _notebook()
            self.shown = _Script() if display is None else _Notebook(display)
        return self.shown

    def say(self, sentence: str) -> None:
        """Show one sentence."""
        self.place.say(sentence.translate(ESCAPES_IN_LINES))

    def progress(self, report: Progress) -> None:
        """Move the bar."""
        self.place.progress(report)

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Show the numbers of an epoch."""
        self.place.epoch(row)

    def close(self) -> None:
        """Take the bar away."""
        if self.shown is not None:
            self.shown.close()
        self.shown = None


SHOWN: Listener = Shown()
"""What `listener` is where nobody says otherwise; None silences a verb."""


class _Script:
    """Lines on standard error; a terminal rewrites the last one."""

    def __init__(self) -> None:
        self.out = sys.stderr
        self.rewrites = self.out.isatty()
        self.width, self.spoke = 0, monotonic()

    def say(self, sentence: str) -> None:
        self._clear()
        self._write(f"{sentence}\n")

    def progress(self, report: Progress) -> None:
        now = monotonic()
        if now - self.spoke < (_DRAWN if self.rewrites else _EVERY):
            return
        self.spoke, line = now, _line(report).translate(ESCAPES_IN_LINES)
        if not self.rewrites:
            self._write(f"{line}\n")
            return
        line = line[:79]
        self._write(f"\r{line:<{self.width}}")
        self.width = len(line)

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.spoke = monotonic()
        self.say("  ".join(f"{name} {value}" for name, value in _numbers(row).items()))

    def close(self) -> None:
        self._clear()

    def _clear(self) -> None:
        if self.width:
            self._write(f"\r{'':<{self.width}}\r")
            self.width = 0

    def _write(self, text: str) -> None:
        with suppress(OSError):  # nobody reads it
            self.out.write(text)
            self.out.flush()


class _Handle(Protocol):
    """A place in a notebook."""

    def update(self, shown: object) -> None:
        """Show something else there."""


class _Html:
    """HTML that a notebook displays."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text


class _Notebook:
    """One place in a notebook: what was said, folded; the last epochs; and a bar."""

    def __init__(self, display: Any) -> None:  # noqa: ANN401 - IPython's function
        self.sentences: list[str] = []
        self.rows: list[dict[str, str]] = []
        self.bar, self.drawn = "", 0.0
        self.handle: _Handle = display(_Html(""), display_id=True)

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)
        self._draw()

    def progress(self, report: Progress) -> None:
        bar = f'<progress max="{report.total}" value="{report.done}"></progress>'
        bar = "<progress></progress>" if not report.total else bar
        self.bar = f"<div>{bar} {escape(_line(report))}</div>"
        if monotonic() - self.drawn >= _DRAWN:
            self._draw()

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.rows.append(_numbers(row))
        self._draw()

    def close(self) -> None:
        self.bar = ""
        self._draw()

    def _draw(self) -> None:
        self.drawn, last = monotonic(), self.rows[-_ROWS:]
        said = "<br>".join(map(escape, self.sentences))
        last_said = escape(self.sentences[-1]) if self.sentences else ""
        folded = f"<details><summary>{last_said}</summary>{said}</details>" if said else ""
        heads = [*dict.fromkeys(name for row in last for name in row)]
        rows = [[row.get(name, DASH) for name in heads] for row in last]
        epochs = table(heads, rows) if rows else ""
        self.handle.update(_Html(f"{folded}{epochs}{self.bar}"))


def _notebook() -> Any:  # noqa: ANN401 - IPython's function
    """What displays in the notebook that this code runs in; None in a script or a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return display


def _line(report: Progress) -> str:
    """Where the work is: "training 40 %  epoch 2.1, loss 0.512, 310 images/s, 20 s left"."""
    share = f" {whole_percent(report.done / report.total)}" if report.total else ""
    parts = [report.note] if report.note else []
    if report.per_second:
        parts.append(f"{report.per_second:,.0f} {report.unit}/s")
    left = report.seconds_left if report.whole_left is None else report.whole_left
    if left is not None:
        parts.append(f"{duration(left)} left")
    return f"{report.what}{share}  {', '.join(parts)}".rstrip()


def _numbers(row: Mapping[str, Any]) -> dict[str, str]:
    """The numbers of a row of log.csv that a person follows; what was not measured is left out."""
    known = {
        "epoch": (row.get("epoch"), "{:.2f}".format),
        "train loss": (row.get("train_loss"), loss),
        "val loss": (row.get("val_loss"), loss),
        "val top-1": (row.get("val_top1"), percent),
        **{
            key.removeprefix("val_top1_"): (value, percent)
            for key, value in row.items()
            if key.startswith("val_top1_")
        },
        "images/s": (row.get("images_per_second"), "{:,.0f}".format),
    }
    found = {name: say(value) for name, (value, say) in known.items() if is_measured(value)}
    return found if "train loss" in found else {key: f"{value:.4g}" for key, value in row.items()}
