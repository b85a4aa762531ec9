"""Printing `inceptionkit serve`."""

from __future__ import annotations

from inceptionkit.api.serve import ServeResult, serve
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import Output, print_json, print_text


def _print_address(output: Output, address: str) -> None:
    """Say where it listens, and what to try."""
    if output.json_only:
        print_json({"address": address})
    elif not output.quiet:
        print_text(f"serving at {address} (the page; the API is described at {address}/docs)")
        print_text(f"try     curl -F image=@photo.jpg {address}/v1/predict")
        print_text("stop    Ctrl-C")


def _print_result(result: ServeResult) -> None:
    print_text(f"stopped after {result.requests:,} requests")


SERVE = Command(
    serve,
    _print_result,
    (
        "inceptionkit serve runs/photos-001",
        "inceptionkit serve roses=runs/roses-001 cats=models/cats --port 9000",
    ),
    each=_print_address,
    group="Deploy",
    ends=False,
)
