"""What stands at the head of a run's page: the run in a few sentences, and its tiles."""

from __future__ import annotations

from dataclasses import dataclass

from inceptionkit.report.confusion import confused_pairs
from inceptionkit.report.finished_run import FinishedRun
from inceptionkit.text import (
    count,
    duration,
    is_measured,
    percent,
    plural,
    points,
    quantity,
    significant,
    size,
    whole_percent,
)

_CLEARLY_LARGER = 1.2  # times an equal share: a class that is worth naming always


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A tile beside the score."""

    name: str
    value: str
    title: str = ""  # the whole number, for those who point at it


def in_short(run: FinishedRun) -> tuple[str, ...]:
    """The run in a few sentences; where it learned nothing, the first one says so."""
    failure = ""
    if (found := run.result.get("nothing_learned")) is not None:
        failure = f"This run learned nothing: {found['says']}; likely cause: {found['cause']}."
    sentences = (failure, _without_a_model(run), _best_exit(run), _mistakes(run), _skipped(run))
    return tuple(sentence for sentence in sentences if sentence)


def _without_a_model(run: FinishedRun) -> str:
    """What naming classes without looking at the images would score."""
    chance, share = run.result.get("chance"), run.result.get("largest_class_top1")
    if not is_measured(chance) or not is_measured(share):
        return ""
    if share < _CLEARLY_LARGER * chance:
        return f"Guessing would be right on {percent(chance)} of the images."
    always = f"always naming {run.result['largest_class']} on {percent(share)}"
    return f"Guessing would be right on {percent(chance)} of the images, {always}."


def tiles(run: FinishedRun) -> tuple[Tile, ...]:
    """The tiles beside the score; what was not measured has none."""
    net, result = run.cost.without_exits, run.result
    facts = (
        ("top-5", result["top5"], percent, ""),
        ("params", net.params, quantity, f"{count(net.params)}"),
        ("work per image", net.macs, _macs, f"{count(net.macs)} multiply-accumulates"),
        ("training time", result["seconds"], duration, ""),
        ("images per second", result["images_per_second"], significant, ""),
        ("peak memory", result["peak_bytes"], size, ""),
    )
    return tuple(
        Tile(name=name, value=say(value), title=title)
        for name, value, say, title in facts
        if is_measured(value)
    )


def _macs(macs: float) -> str:
    return quantity(macs, "MAC")


def _best_exit(run: FinishedRun) -> str:
    scored = [(row, row.top1) for row in run.exits if is_measured(row.top1)]
    if len(scored) < 2:
        return ""
    *early, (main, main_top1) = scored
    best, top1 = max(early, key=lambda pair: (pair[1], -pair[0].macs))
    gap = points(abs(main_top1 - top1)).removeprefix("+")
    side = "below" if top1 < main_top1 else "above"
    relation = "level with" if gap == "0.0" else f"{gap} points {side}"
    return (
        f"Stopping at {best.name} reaches {percent(top1)} top-1 at "
        f"{whole_percent(best.share_of_macs)} of the compute, {relation} {main.name}."
    )


def _mistakes(run: FinishedRun) -> str:
    if not run.images:
        return ""
    pairs = confused_pairs(run.confusion, run.classes, limit=1)
    if not pairs:
        images = plural(run.images, "image")
        return f"None of the {images} of the {run.result['set']} set was misread."
    pair, wrong = pairs[0], plural(run.misread, "image")
    sentence = f"{wrong} of {run.images:,} {_was(run.misread)} misread"
    if run.misread == pair.images:
        return f"{sentence}: {pair.truth} taken for {pair.guess}."
    images = plural(pair.images, "image")
    return f"{sentence}; most often {pair.truth} taken for {pair.guess} ({images})."


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _skipped(run: FinishedRun) -> str:
    files = len(run.unusable)
    return f"{plural(files, 'file')} could not be used and {_was(files)} left out." if files else ""
