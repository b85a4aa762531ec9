"""What a person sees: sentences, tables, a progress bar; plain lines where there is no terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from inceptionkit.cli.epochs import EpochTable
from inceptionkit.progress import Listener, Progress, Silence
from inceptionkit.text import ESCAPES_IN_LINES, duration, printable, whole_percent

_LABEL = 7  # columns of a label before its text
_PLAIN_WIDTH = 110  # columns where there is no terminal
PLAIN_EVERY = 10.0  # seconds between progress lines where there is no terminal


@dataclass(slots=True)
class Rows:
    """Rows that are printed together, so that their columns are aligned."""

    waiting: list[Any] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)  # of the columns, so far
    since: float = 0.0  # when the first of those that wait came


@dataclass(frozen=True, slots=True)
class Output:
    """Who reads what is printed, and what was asked for."""

    json_only: bool
    quiet: bool
    verbose: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)  # options of the verb
    rows: Rows = field(default_factory=Rows)


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


def can_rewrite(out: Console) -> bool:
    """Whether lines can be drawn again: on a terminal; not in a notebook, nor by FORCE_COLOR."""
    return out.is_terminal and out.file.isatty() and "JPY_PARENT_PID" not in os.environ


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
    line = f"{who}: {printable(sentence)}\n"
    try:
        if isinstance(sys.stderr, FileProxy):  # a bar stands on the screen: it moves down
            sys.stderr.write(line)
        else:
            sys.stderr.buffer.write(line.encode(errors="backslashreplace"))
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


def print_entry(label: str, style: str, text: str, *, dim: bool = False) -> None:
    """Print a label, and beside it text that a terminal breaks between words.

    Args:
        label: of at most seven letters.
        style: of the label.
        text: one sentence.
        dim: whether the text stands back.
    """
    out = console()
    if not out.is_terminal:
        out.print(Text(f"{label:<{_LABEL}} {printable(text)}"), soft_wrap=True)
        return
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=_LABEL)
    grid.add_column(overflow="fold")
    grid.add_row(Text(label, style=style), Text(printable(text), style="dim" if dim else ""))
    out.print(grid, soft_wrap=False)


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


class _Clock(ProgressColumn):
    """The time left or, where nobody knows it, the time that the phase took so far."""

    def render(self, task: Task) -> Text:
        left: str = task.fields["left"]
        return Text(left or f"{duration(task.elapsed or 0.0)} so far")


class _Bar(Bar):
    """A bar for the phase, and below it the plan."""

    plan = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        if self.plan:
            yield Text(f"  {self.plan}", style="dim", no_wrap=True, overflow="ellipsis")


class Terminal:
    """A listener that draws a progress bar for each phase, and below it the plan."""

    def __init__(self, out: Console, *, verbose: bool = False, whole: float | None = None) -> None:
        """Draw on a console.

        Args:
            out: the console.
            verbose: also print how long each phase took, and every plan.
            whole: seconds that all of it may take, where that is known.
        """
        self.out, self.verbose, self.whole, self.started = out, verbose, whole, monotonic()
        self.bar = _Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[share]}"),
            TextColumn(
                "{task.fields[note]}",
                style="dim",
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            _Clock(table_column=Column(no_wrap=True, justify="right")),
            console=out,
            transient=True,
            expand=True,
            redirect_stderr=sys.stderr.isatty(),
        )
        self.table = EpochTable(out.width)
        self.what, self.began, self.first_plan = "starting", monotonic(), ""
        self.task = self.bar.add_task(self.what, total=None, note="", share="", left="")

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        self._print(Text(sentence.translate(ESCAPES_IN_LINES)))

    def progress(self, report: Progress) -> None:
        """Move the bar; that of another phase takes its place."""
        if report.what != self.what:
            if self.verbose:
                self.say(f"{self.what}: {duration(monotonic() - self.began)}")
            self.bar.remove_task(self.task)
            self.what, self.began = report.what, monotonic()
            self.task = self.bar.add_task(report.what, total=None, note="", share="", left="")
        self.first_plan = self.first_plan or report.plan  # which was printed
        if report.plan not in {"", self.bar.plan, self.first_plan}:
            if self.verbose:
                self.say(report.plan)
            self.bar.plan = report.plan
        left = report.seconds_left if report.whole_left is None else report.whole_left
        if left is None and self.whole is not None:
            left = max(0.0, self.whole - (monotonic() - self.started))
        self.bar.update(
            self.task,
            total=report.total or None,
            completed=min(report.done, report.total - 1e-3),  # rich stops the clock of what is done
            share=whole_percent(report.done / report.total) if report.total else "",
            note=note(replace(report, seconds_left=None, whole_left=None)),
            left="" if left is None else f"{duration(left)} left",
        )

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Print a row of the table."""
        if not self.table.heads:
            self._print(Text())
        for line in self.table.lines(row):
            self._print(line)

    def _print(self, text: Text) -> None:
        try:
            self.bar.console.print(text, soft_wrap=False)
        except OSError:
            hang_up(self.bar.console)


@dataclass(slots=True)
class Plain:
    """A listener that prints lines."""

    out: Console
    spoke: float  # when a line was printed last, by `monotonic`
    verbose: bool = False
    table: EpochTable = field(default_factory=lambda: EpochTable(_PLAIN_WIDTH))
    plan: str = ""

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        try:
            words = Text(sentence.translate(ESCAPES_IN_LINES))
            self.out.print(words, soft_wrap=not self.out.is_terminal)
        except OSError:
            hang_up(self.out)

    def progress(self, report: Progress) -> None:
        """Print where it is, now and then."""
        if self.verbose and report.plan and self.plan and report.plan != self.plan:
            self.say(report.plan)
        self.plan = report.plan or self.plan
        if monotonic() - self.spoke >= PLAIN_EVERY:
            self.spoke = monotonic()
            share = whole_percent(report.done / report.total) if report.total else ""
            self.say(f"{report.what} {share}  {note(report)}".rstrip())

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Print a row of the table."""
        self.spoke = monotonic()
        for line in self.table.lines(row):
            self.say(line.plain)


@contextmanager
def busy(output: Output) -> Iterator[None]:
    """Show on a terminal that a command without progress works; what it prints stands above."""
    out = console()
    hidden = output.quiet or output.json_only or not can_rewrite(out)
    spinner = Live(
        Spinner("dots", "working"),
        console=out,
        refresh_per_second=10,
        transient=True,
        redirect_stderr=sys.stderr.isatty(),  # else it is a file, which gets what is its own
    )
    with nullcontext() if hidden else spinner:
        yield


@contextmanager
def listener_for(output: Output) -> Iterator[Listener]:
    """The listener that suits the output; JSON alone goes to standard output."""
    out = console(stderr=output.json_only)
    if output.quiet:
        yield Silence()
    elif out.is_terminal and can_rewrite(out):
        whole = None
        if output.given.get("budget"):
            from inceptionkit.training.budget import time_limit

            whole = time_limit(output.given["budget"])
        terminal = Terminal(out, verbose=output.verbose, whole=whole)
        with terminal.bar:
            yield terminal
    else:
        yield Plain(out, monotonic(), output.verbose)


def note(report: Progress) -> str:
    """Rate and time left."""
    parts = [report.note] if report.note else []
    if report.per_second:
        parts.append(f"{report.per_second:,.0f} {report.unit}/s")
    left = report.seconds_left if report.whole_left is None else report.whole_left
    if left is not None:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)
