"""What a person sees: sentences, tables, a progress bar; plain lines where there is no terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from inceptionkit.progress import Listener, Progress
from inceptionkit.text import ESCAPES_IN_LINES, duration, percent, printable, whole_percent

_PLAIN_WIDTH = 110  # columns where there is no terminal
PLAIN_EVERY = 10.0  # seconds between progress lines where there is no terminal


class _Console(Console):
    """Rich's console; where nobody reads any more it raises, and does not end the program."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Rich's console, wide enough for our tables when the output is no terminal."""
    found = _Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not found.is_terminal:
        found = _Console(stderr=stderr, highlight=False, width=_PLAIN_WIDTH, soft_wrap=True)
    return found


def hang_up(out: Console) -> None:
    """Nobody reads `out` any more: print nothing, and stop as a signal to stop would.

    A training saves its state and says on standard error how to resume; other verbs are
    interrupted.
    """
    out.quiet = True
    discard(1 if not out.stderr else 2)
    handled = signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    signal.raise_signal(signal.SIGTERM if handled else signal.SIGINT)


def discard(handle: int) -> None:
    """Send what is written to a closed pipe nowhere, so that nothing fails when it is flushed."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, handle)
    os.close(nowhere)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object on one line, and nothing else, to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, allow_nan=False) + "\n")
    sys.stdout.flush()


def complain(sentence: str) -> None:
    """Print to standard error, whatever it contains; of several processes, say which."""
    rank = os.environ.get("RANK", "0")
    who = "inceptionkit" if rank == "0" else f"inceptionkit, process {rank}"
    line = f"{who}: {printable(sentence)}\n".encode(errors="backslashreplace")
    try:
        sys.stderr.buffer.write(line)
        sys.stderr.flush()
    except OSError:  # nobody reads it
        discard(2)


def print_text(sentence: str) -> None:
    """Print a sentence; a terminal breaks it between words."""
    out = console()
    out.print(Text(printable(sentence)), soft_wrap=not out.is_terminal)


def print_line(*parts: object | tuple[object, str]) -> None:
    """Print a line that a terminal does not break, so that what is in it can be copied.

    Args:
        parts: of the line, each by itself or with its style.
    """
    pairs = (part if isinstance(part, tuple) else (part, "") for part in parts)
    line = Text.assemble(*((printable(str(part)), style) for part, style in pairs))
    console().print(line, soft_wrap=True)


def print_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Sequence[int] = (0,),
    title: str | None = None,
    total: Sequence[str] | None = None,
) -> None:
    """Print a table.

    Args:
        heads: of the columns.
        rows: of texts.
        left: columns aligned to the left; numbers stand right.
        title: above it.
        total: a last row below a line.
    """
    table = Table(
        box=box.SIMPLE,
        title=title and Text(printable(title)),
        title_justify="left",
        padding=(0, 0, 0, 1),
        pad_edge=False,
        show_edge=False,
    )
    for i, head in enumerate(heads):
        cells = [head, *(row[i] for row in rows), *([total[i]] if total else [])]
        cells = [printable(cell) for cell in cells]
        prose = i in left and any(" " in cell for cell in cells)
        words = [word for cell in cells for word in (cell.split() if prose else [cell])]
        table.add_column(
            Text(printable(head)),  # not markup: names come from users
            justify="left" if i in left else "right",
            no_wrap=not prose,
            min_width=max(map(len, words), default=0),  # a word is never cut
        )
    for row in rows:
        table.add_row(*(Text(printable(part)) for part in row))
    if total:
        table.add_section()
        table.add_row(*(Text(printable(part), style="bold") for part in total))
    out = console()
    out.print(table, soft_wrap=False, crop=False)
    out.print()


class Terminal:
    """A listener that draws a progress bar."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}", style="dim"),
            console=out,
            transient=True,
        )
        self.tasks: dict[str, Any] = {}

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        try:
            self.bar.console.print(Text(sentence.translate(ESCAPES_IN_LINES)))
        except OSError:
            hang_up(self.bar.console)

    def progress(self, report: Progress) -> None:
        """Move the bar."""
        if report.what not in self.tasks:
            for task in self.tasks.values():
                self.bar.remove_task(task)
            self.tasks = {report.what: self.bar.add_task(report.what, total=None, note="")}
        self.bar.update(
            self.tasks[report.what], total=report.total, completed=report.done, note=note(report)
        )

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Print a row."""
        self.say(epoch_line(row))


@dataclass(slots=True)
class Plain:
    """A listener that prints lines."""

    out: Console
    spoke: float  # when a line was printed last, by `monotonic`

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        try:
            self.out.print(Text(sentence.translate(ESCAPES_IN_LINES)))
        except OSError:
            hang_up(self.out)

    def progress(self, report: Progress) -> None:
        """Print where it is, now and then."""
        if monotonic() - self.spoke >= PLAIN_EVERY:
            self.spoke = monotonic()
            self.say(
                f"{report.what} {whole_percent(report.done / max(1, report.total))}  {note(report)}"
            )

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Print a row."""
        self.spoke = monotonic()
        self.say(epoch_line(row))


@contextmanager
def listener(*, quiet: bool, json_only: bool) -> Iterator[Listener]:
    """The listener that suits the output; JSON alone goes to standard output."""
    from inceptionkit.progress import Silence

    out = console(stderr=json_only)
    if quiet:
        yield Silence()
    elif out.is_terminal:
        terminal = Terminal(out)
        with terminal.bar:
            yield terminal
    else:
        yield Plain(out, monotonic())


def note(report: Progress) -> str:
    """Rate and time left."""
    parts = [report.note] if report.note else []
    if report.per_second:
        parts.append(f"{report.per_second:,.0f} {report.unit}/s")
    if report.seconds_left is not None:
        parts.append(f"{duration(report.seconds_left)} left")
    return ", ".join(parts)


def epoch_line(row: Mapping[str, Any]) -> str:
    """One epoch on one line."""
    exits = [
        f"{key.removeprefix('val_top1_')} {percent(value)}"
        for key, value in row.items()
        if key.startswith("val_top1_")
    ]
    return (
        f"epoch {row['epoch']:>6.2f}  train loss {row['train_loss']:.4f}  "
        f"val loss {row['val_loss']:.4f}  val top-1 {percent(row['val_top1'])}"
        + (f" ({', '.join(exits)})" if exits else "")
        + f"  {row['images_per_second']:,.0f} images/s"
    )
