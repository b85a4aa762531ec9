"""Who hears what a long command does. Libraries tell; only programs print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a long piece of work is: one phase of a command, such as reading images.

    Attributes:
        what: it does.
        done: units.
        total: units; 0 where nobody knows.
        unit: what is counted.
        per_second: units.
        seconds_left: of this work.
        whole_left: seconds of the whole command, where more follows.
        note: "epoch 3.2, loss 1.234".
        plan: what is planned for the rest; a later one replaces it.
    """

    what: str
    done: int
    total: int
    unit: str = "images"
    per_second: float | None = None
    seconds_left: float | None = None
    whole_left: float | None = None
    note: str = ""
    plan: str = ""


class Listener(Protocol):
    """Hears sentences, progress and finished epochs.

    A verb closes a listener that has a method `close` at its end.
    """

    def say(self, sentence: str) -> None:
        """Hear one sentence that stays."""

    def progress(self, report: Progress) -> None:
        """Hear where the work is; each report replaces the last of the same work."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Hear a row of log.csv."""


class Silence:
    """Hears nothing."""

    def say(self, sentence: str) -> None:
        """Ignore it."""

    def progress(self, report: Progress) -> None:
        """Ignore it."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Ignore it."""
