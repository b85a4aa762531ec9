"""`inceptionkit evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inceptionkit.cli import scores
from inceptionkit.cli.options import Data, EarlyExit, Json, Quiet, policy_of

if TYPE_CHECKING:
    from inceptionkit.evaluation.evaluate import Evaluation
    from inceptionkit.progress import Listener

    Scored = tuple[Evaluation, Callable[[], None]]  # and how to print what is special to it


def evaluate(  # noqa: PLR0913 - the options of the verb
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Folders of runs or models; of several the mean is scored, too.",
        ),
    ],
    data: Data,
    early_exit: EarlyExit = None,
    *,
    exits: Annotated[
        bool,
        typer.Option(
            "--exits", help="Choose when to stop at exits on val, and measure it on test."
        ),
    ] = False,
    goal: Annotated[
        str | None,
        typer.Option(
            help="With --exits: what for. A top-1 like 97.5%, a loss against main like -1%, or a "
            "mean cost like 12MMAC; else a loss of -0.2%."
        ),
    ] = None,
    sure: Annotated[
        str | None,
        typer.Option(
            help="With --exits: what sure means: probability, margin or entropy; else probability."
        ),
    ] = None,
    store: Annotated[
        bool, typer.Option("--store", help="With --exits: keep the policy in the model's folder.")
    ] = False,
    crops: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="The papers' test crops, such as 1,10,144, or short sides, such as 256+320.",
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Score models on labelled images: every exit, every class, many crops, or many models.

    Of the images that the model was trained on, only those that were held out are scored.
    """
    from inceptionkit.cli.console import listener, print_json

    several = crops is not None or len(models) > 1
    refuse_both(
        {"--early-exit": early_exit is not None, "--exits": exits, "--crops or models": several}
    )
    chooses = {"--goal": goal is not None, "--sure": sure is not None, "--store": store}
    for name, given in chooses.items():
        if given and not exits:
            msg = "it says how to choose when to stop; give --exits too"
            raise typer.BadParameter(msg, param_hint=name)
    with listener(quiet=quiet, as_json=as_json) as heard:
        if several:
            found, show = of_crops(models, data, crops or "1", heard)
        elif exits:
            found, show = of_exits(models[0], data, (goal, sure), heard, store=store)
        else:
            found, show = of_model(models[0], data, early_exit, heard)
    if as_json:
        print_json(found.result)
    elif not quiet:
        show()
        scores.print_summary(found)


def refuse_both(given: dict[str, bool]) -> None:
    """Refuse two ways of scoring at once."""
    names = [name for name, wanted in given.items() if wanted]
    if len(names) > 1:
        msg = f"{names[0]} and {names[1]} are two ways of scoring; choose one"
        raise typer.BadParameter(msg)


def of_model(model: Path, data: str, early_exit: str | None, heard: Listener) -> Scored:
    """Every exit and every class of one model."""
    from inceptionkit.evaluation.evaluate import evaluate as score

    found = score(model, data, policy=policy_of(early_exit), listener=heard)
    return found, lambda: scores.print_exits_used(found)


def of_exits(
    model: Path,
    data: str,
    wanted: tuple[str | None, str | None],
    heard: Listener,
    *,
    store: bool,
) -> Scored:
    """An exit policy, and what it saves."""
    from inceptionkit.evaluation.exits.goals import parse_goal
    from inceptionkit.evaluation.exits.study import CAUTIOUS, SURE, evaluate_exits
    from inceptionkit.model.exit_policy import parse_measure

    goal = CAUTIOUS if wanted[0] is None else parse_goal(wanted[0])
    measure = SURE if wanted[1] is None else parse_measure(wanted[1])
    study = evaluate_exits(model, data, goal=goal, measure=measure, store=store, listener=heard)
    return study.evaluation, lambda: scores.print_policy(study, str(model), data)


def of_crops(models: Sequence[Path], data: str, crops: str, heard: Listener) -> Scored:
    """Models and crops."""
    from inceptionkit.evaluation.crop_table import evaluate_crops
    from inceptionkit.evaluation.multi_crop import parse_protocols

    study = evaluate_crops(models, data, crops=parse_protocols(crops), listener=heard)
    return study.evaluation, lambda: scores.print_rows(study)
