"""Listeners for tests."""

from collections.abc import Mapping
from typing import Any


class Collects:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def progress(self, report: object) -> None:
        """Not kept."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Not kept."""
