"""What all requests together may hold in memory: bytes of their bodies, pixels being decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition

from inceptionkit.serving.problems import refuse_for_now


@dataclass(eq=False)
class Bodies:
    """Bytes of the bodies that are read or answered. The event loop alone uses it.

    Attributes:
        most: of all requests together.
        held: now.
        refused: called for each body that there is no room for.
    """

    most: int
    held: int = 0
    refused: Callable[[], object] | None = None

    def check(self, size: int) -> None:
        """Refuse more than there is room for.

        Raises:
            Problem: so it is.
        """
        if self.held + size > self.most:
            if self.refused is not None:
                self.refused()
            msg = f"other requests hold the {self.most / 2**20:g} MiB for bodies; try again in a "
            refuse_for_now(msg + "second")

    def take(self, size: int) -> None:
        """Hold bytes that came.

        Raises:
            Problem: there is no room for them.
        """
        self.check(size)
        self.held += size

    def give(self, size: int) -> None:
        """Let bytes go."""
        self.held -= size

    @contextmanager
    def of(self, size: int) -> Iterator[None]:
        """Hold a body that came whole.

        Raises:
            Problem: there is no room for it.
        """
        self.take(size)
        try:
            yield
        finally:
            self.give(size)


@dataclass(eq=False)
class Pixels:
    """Pixels of the images that are decoded at the same time, by any number of threads.

    Attributes:
        most: of all together; a larger image is decoded alone.
        held: now.
    """

    most: int
    held: int = 0
    _change: Condition = field(default_factory=Condition)

    @contextmanager
    def of(self, count: int) -> Iterator[None]:
        """Wait until there is memory for so many, and hold it."""
        with self._change:
            self._change.wait_for(lambda: not self.held or self.held + count <= self.most)
            self.held += count
        try:
            yield
        finally:
            with self._change:
                self.held -= count
                self._change.notify_all()
