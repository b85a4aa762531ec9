"""The command line: one thin file per verb, which prints its result."""

from inceptionkit.cli.app import main

__all__ = ["main"]
