"""The command line: parse, call a workflow function, print. One thin file per verb."""

from inceptionkit.cli.app import main

__all__ = ["main"]
