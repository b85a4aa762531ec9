"""The command line: parse, call a workflow function, print. One thin file per verb."""

from inception.cli.app import main

__all__ = ["main"]
