"""Printing `inceptionkit evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inceptionkit.api.evaluate import EvaluateResult, evaluate
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import console, print_table
from inceptionkit.text import duration, percent, points, quantity, significant, whole_percent

if TYPE_CHECKING:
    from inceptionkit.evaluation.crop_table import CropStudy
    from inceptionkit.evaluation.evaluate import Evaluation
    from inceptionkit.evaluation.exits.study import ExitStudy


def print_evaluation(result: EvaluateResult) -> None:
    """Print the exits, the policy or the crops, then the classes and a summary."""
    if result.crops is not None:
        print_rows(result.crops)
    elif result.exits is not None:
        print_policy(result.exits, result.models[0], result.data)
    else:
        print_exits_used(result.evaluation)
    print_summary(result.evaluation)


def print_exits_used(found: Evaluation) -> None:
    """Print how every exit fares."""
    print_table(
        ("exit", "top-1", "MACs", "share of the images"),
        [
            (name, percent(row["top1"]), quantity(row["macs"]), whole_percent(row["share"]))
            for name, row in found.result["exits"].items()
        ],
    )


def print_policy(study: ExitStudy, model: str, data: str) -> None:
    """Print the policy, what it saves, and what else could have been chosen."""
    told = study.evaluation.result
    print_table(
        ("exit", "answers from", "share of the images", "top-1 there", "MACs", "ms"),
        [exit_row(name, row) for name, row in told["exits"].items()],
    )
    print_savings(told)
    print_curve(told)
    difference = told["against_main"]["difference"]
    out = console()
    out.print(
        f"against main on the same images: {points(difference['mean'])} points of top-1, "
        f"95 % interval {points(difference['low'])} to {points(difference['high'])}"
    )
    if study.stored:
        out.print(f"stored  {study.stored}", markup=False)
        out.print(f"next    inceptionkit predict {model} IMAGE... --early-exit", markup=False)
    else:
        out.print(f"next    inceptionkit evaluate {model} {data} --exits --store", markup=False)


def print_savings(told: dict[str, Any]) -> None:
    """Print a policy beside main, and the most that is possible."""
    main, bound = told["main"], told["bound"]
    rows = [
        ("this policy", told["top1"], told["mean_macs"], told["ms"], told["ms_alone"]),
        ("main alone", told["main_top1"], main["macs"], main["ms"], main["ms_alone"]),
        ("bound: an oracle", bound["top1"], bound["mean_macs"], None, None),
    ]
    print_table(
        ("", "top-1", "mean MACs", "times fewer", "ms in a batch", "ms alone"),
        [
            (
                name,
                percent(top1),
                quantity(macs),
                f"{main['macs'] / macs:.2f}",
                *("" if ms is None else significant(ms) for ms in times),
            )
            for name, top1, macs, *times in rows
        ],
    )


def print_curve(told: dict[str, Any]) -> None:
    """Print other policies, the cheapest first."""
    print_table(
        ("the curve: mean MACs", "top-1", "times fewer"),
        [
            (
                quantity(point["mean_macs"]),
                percent(point["top1"]),
                f"{told['main']['macs'] / point['mean_macs']:.2f}",
            )
            for point in told["curve"]
        ],
    )


def exit_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    """One exit of a policy."""
    sure = "the rest" if row["confidence"] is None else f"{row['confidence']:.3f}"
    return (
        name,
        sure,
        percent(row["share"]),
        percent(row["top1"]),
        quantity(row["macs"]),
        significant(row["ms"]),
    )


def print_rows(study: CropStudy) -> None:
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
    for other in study.evaluation.result["against_first"] if several else []:
        difference = other["difference"]
        console().print(
            f"{other['model']} against {study.rows[0].models[0]}: "
            f"{points(difference['mean'])} points of top-1, 95 % interval "
            f"{points(difference['low'])} to {points(difference['high'])}; "
            f"McNemar p = {other['p_value']:.2g}",
            markup=False,
        )


def print_summary(found: Evaluation) -> None:
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
            for row in found.classes
        ],
    )
    told = found.result
    five = "" if told["top5"] is None else f", top-5 {percent(told['top5'])}"
    low, high = map(percent, told["top1_interval"])
    out = console()
    out.print(
        f"top-1 {percent(told['top1'])}{five} on {told['images']:,} images, "
        f"{quantity(told['mean_macs'])} MACs an image, {duration(told['seconds'])}"
    )
    out.print(
        f"95 % interval of top-1 {low} to {high}; calibration error "
        f"{percent(told['calibration_error'])}, log loss {told['log_loss']:.3f}, "
        f"Brier score {told['brier']:.3f}"
    )


EVALUATE = Command(
    evaluate,
    print_evaluation,
    (
        "inceptionkit evaluate runs/photos-001 photos/",
        "inceptionkit evaluate runs/photos-001 photos/ --exits --store",
    ),
)
