"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from inceptionkit.evaluation.early_exit import StopAsStored, StopWhenSure

Json = Annotated[
    bool, typer.Option("--json", help="Print JSON alone on standard output, for machines.")
]
PooledExits = Annotated[
    bool,
    typer.Option(
        "--pooled-exits",
        help="Give exits heads that average over the whole grid, so that any input serves.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Device = Annotated[
    str | None, typer.Option(help="cpu, cuda, cuda:1, ...; else a GPU if there is one.")
]
Workers = Annotated[
    int | None,
    typer.Option(help="How many images are decoded at once; else one for each core.", min=1),
]
Data = Annotated[
    str, typer.Argument(metavar="DATA", help="Labelled images, as `train` takes them.")
]
Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="Folder of a run or a model, a weights file, or an id: torchvision/googlenet.",
    ),
]
EARLY_EXIT, STORED = "--early-exit", "stored"
EarlyExit = Annotated[
    str | None,
    typer.Option(
        EARLY_EXIT,
        metavar="[PROBABILITY]",
        help="Stop at the first exit that is at least so sure, from 0 to 1; without a number, as "
        "the policy stored with the model says. What lies beyond does not run.",
    ),
]


def spelt_out(argv: Sequence[str]) -> list[str]:
    """Arguments in which an early exit without a number asks for the stored policy.

    >>> spelt_out(["predict", "run", "--early-exit", "a.png"])
    ['predict', 'run', '--early-exit', 'stored', 'a.png']
    """
    found: list[str] = []
    for word, following in zip_longest(argv, argv[1:], fillvalue=""):
        found.append(word)
        if word == EARLY_EXIT and following != STORED and not is_number(following):
            found.append(STORED)
    return found


def is_number(text: str) -> bool:
    """Whether a word is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def policy_of(early_exit: str | None) -> StopWhenSure | StopAsStored | None:
    """What was asked for with --early-exit.

    Raises:
        RecipeError: no probability.
    """
    from inceptionkit.errors import RecipeError
    from inceptionkit.evaluation.early_exit import StopAsStored, StopWhenSure

    if early_exit is None or early_exit == STORED:
        return None if early_exit is None else StopAsStored()
    if not is_number(early_exit):
        msg = f"{EARLY_EXIT} takes a probability from 0 to 1, or nothing, got {early_exit!r}"
        raise RecipeError(msg)
    return StopWhenSure(float(early_exit))
