"""Listeners for tests."""

from collections.abc import Mapping
from typing import Any

from inceptionkit.progress import Progress


class Collects:
    """Keeps what is said, and which phases there were."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.phases: list[str] = []  # what was done, as it began

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def progress(self, report: Progress) -> None:
        if [report.what] != self.phases[-1:]:
            self.phases.append(report.what)

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Not kept."""
