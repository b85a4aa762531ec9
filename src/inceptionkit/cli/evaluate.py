"""Printing `inceptionkit evaluate`."""

from __future__ import annotations

from shlex import join
from typing import TYPE_CHECKING

from inceptionkit.api.evaluate import GOAL, LEVEL, MEASURE, EvaluateResult, evaluate
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import print_line, print_table, print_text
from inceptionkit.text import (
    duration,
    p_value,
    percent,
    points,
    quantity,
    shell_word,
    significant,
    whole_percent,
)

if TYPE_CHECKING:
    from inceptionkit.evaluation.confidence import Paired
    from inceptionkit.evaluation.crop_table import CropStudy
    from inceptionkit.evaluation.evaluate import Evaluation
    from inceptionkit.evaluation.exits.study import ExitStudy


def _print_evaluation(result: EvaluateResult) -> None:
    """Print the exits, the policy or the crops, then the classes and a summary."""
    if result.crops is not None:
        _print_rows(result.crops)
    elif result.exits is not None:
        _print_policy(result.exits, result.models[0], result.data)
    else:
        _print_exits_used(result.evaluation)
    _print_summary(result.evaluation)


def _print_exits_used(evaluation: Evaluation) -> None:
    """Print how every exit fares."""
    print_table(
        ("exit", "top-1", "MACs", "share of the images"),
        [
            (name, percent(use.top1), quantity(use.macs), whole_percent(use.share))
            for name, use in evaluation.exits.items()
        ],
    )


def _print_policy(study: ExitStudy, model: str, data: str) -> None:
    """Print the policy, what it saves, and what else could have been chosen."""
    print_table(
        ("exit", "answers from", "share of the images", "top-1 there", "MACs", "ms"),
        [
            (
                name,
                "the rest" if use.confidence is None else f"{use.confidence:.3f}",
                percent(use.share),
                percent(use.top1),
                quantity(use.macs),
                significant(use.ms),
            )
            for name, use in study.exits.items()
        ],
    )
    _print_savings(study)
    print_table(
        ("the curve: mean MACs", "top-1", "times fewer"),
        [
            (
                quantity(point.mean_macs),
                percent(point.top1),
                f"{study.main.macs / point.mean_macs:.2f}",
            )
            for point in study.curve
        ],
    )
    print_text(f"against main on the same images: {difference(study.against_main)}")
    _print_next(study, model, data)


def _print_next(study: ExitStudy, model: str, data: str) -> None:
    """Print what to do with a policy; one that lost more than promised is not to be stored."""
    origin, goal = study.policy.origin, study.goal
    promise = (
        f"{origin['shown_on']:,} images promise it with {whole_percent(goal.level)} confidence"
    )
    if not study.kept:
        print_text(
            f"the goal {goal} is not met on these images, although {promise}; the policy is not "
            "stored. Choose a more careful --goal, or give more images"
        )
        return
    print_text(f"goal {goal} met: {promise}")
    if study.stored:
        print_line(f"stored  {study.stored}")
        print_line(f"next    inceptionkit predict {shell_word(model)} IMAGE... --early-exit")
        return
    chosen = {
        "--goal": (f"{goal}", GOAL),
        "--confidence-level": (f"{goal.level:g}", f"{LEVEL:g}"),
        "--confidence-measure": (study.policy.measure, MEASURE),
    }
    words = [word for name, (own, usual) in chosen.items() if own != usual for word in (name, own)]
    print_line(f"next    inceptionkit evaluate {join([model, data, '--exits', *words, '--store'])}")


def _print_savings(study: ExitStudy) -> None:
    """Print a policy beside main, and the most that is possible."""
    main, oracle, scores = study.main, study.oracle, study.evaluation.scores
    rows = [
        ("this policy", scores.top1, study.evaluation.mean_macs, study.ms, study.ms_alone),
        ("main alone", main.top1, main.macs, main.ms, main.ms_alone),
        ("bound: an oracle", oracle.top1, oracle.mean_macs, None, None),
    ]
    print_table(
        ("", "top-1", "mean MACs", "times fewer", "ms in a batch", "ms alone"),
        [
            (
                name,
                percent(top1),
                quantity(macs),
                f"{main.macs / macs:.2f}",
                *("" if ms is None else significant(ms) for ms in times),
            )
            for name, top1, macs, *times in rows
        ],
    )


def difference(paired: Paired) -> str:
    """How much better the second of two models is, in words."""
    gain = paired.difference
    return (
        f"{points(gain.mean)} points of top-1, 95 % interval {points(gain.low)} to "
        f"{points(gain.high)}"
    )


def _print_rows(study: CropStudy) -> None:
    """Print models and crops as the papers do: errors, and cost in single crops."""
    several = len({row.models for row in study.rows}) > 1
    print_table(
        ("models", "crops", "cost", "top-1 error", "top-5 error"),
        [
            (
                row.models[0] if len(row.models) == 1 else f"all {len(row.models)}",
                row.crops if row.crops == f"{row.crop_count}" else f"{row.crops} px",
                f"{row.cost:,.4g}",
                percent(row.top1_error),
                percent(row.top5_error),
            )
            for row in study.rows
        ],
    )
    for other in study.against_first if several else ():
        print_text(
            f"{other.model} against {study.rows[0].models[0]}: {difference(other.paired)}; "
            f"McNemar p = {p_value(other.paired.p_value)}"
        )


def _print_summary(evaluation: Evaluation) -> None:
    """Print the classes, and the whole in two lines."""
    print_table(
        ("class", "images", "precision", "recall", "F1"),
        [
            (
                row.name,
                f"{row.images:,}",
                percent(row.precision),
                percent(row.recall),
                percent(row.f1),
            )
            for row in evaluation.scores.classes
        ],
    )
    scores = evaluation.scores
    five = "" if scores.top5 is None else f", top-5 {percent(scores.top5)}"
    low, high = map(percent, scores.top1_interval)
    print_text(
        f"top-1 {percent(scores.top1)}{five} on {scores.images:,} images, "
        f"{quantity(evaluation.mean_macs)} MACs an image, {duration(evaluation.seconds)}"
    )
    print_text(
        f"95 % interval of top-1 {low} to {high}; calibration error "
        f"{percent(scores.calibration_error)}, log loss {scores.log_loss:.3f}, "
        f"Brier score {scores.brier:.3f}"
    )


EVALUATE = Command(
    evaluate,
    _print_evaluation,
    (
        "inceptionkit evaluate runs/photos-001 photos/",
        "inceptionkit evaluate runs/photos-001 photos/ --exits --store",
    ),
)
