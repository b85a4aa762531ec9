"""Printing `inceptionkit detect ...`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from inceptionkit.api.detect_check import DetectCheckResult, detect_check
from inceptionkit.api.detect_evaluate import DetectEvaluateResult, detect_evaluate
from inceptionkit.api.detect_explain import detect_explain
from inceptionkit.api.detect_export import DetectExportResult, detect_export
from inceptionkit.api.detect_predict import detect_predict
from inceptionkit.api.detect_rcnn import DetectRcnnResult, detect_rcnn
from inceptionkit.api.detect_train import DetectTrainResult, detect_resume, detect_train
from inceptionkit.cli.command import Command
from inceptionkit.cli.console import (
    Output,
    complain,
    print_entry,
    print_json,
    print_line,
    print_table,
    print_text,
)
from inceptionkit.text import duration, percent, plural, shell_word, size

if TYPE_CHECKING:
    from inceptionkit.detection.find import FoundObjects


def _print_scores(
    name: str, images: int, ap50: Mapping[str, float | None], map50: float | None
) -> None:
    """Print the average precision of each class, and the mean."""
    print_table(
        (f"scored on {name}, {images:,} images", "AP at IoU 0.5"),
        [(klass, percent(ap)) for klass, ap in [*ap50.items(), ("mean", map50)]],
    )


def _print_trained(result: DetectTrainResult) -> None:
    """Print the scores, what was written, and what to type next."""
    _print_scores(result.set, result.images, result.ap50, result.map50)
    memory = "" if result.peak_bytes is None else f", {size(result.peak_bytes)} at peak"
    print_line(
        f"{result.epochs:.1f} epochs in {duration(result.seconds)}, "
        f"{result.images_per_second:,.1f} images/s{memory}"
    )
    print_line(f"model   {result.model}")
    print_line(f"next    inceptionkit detect predict {shell_word(result.run)} IMAGE...")


TRAIN = Command(
    detect_train,
    _print_trained,
    (
        "inceptionkit detect train cells/ --budget 20min flip=both",
        "inceptionkit detect train annotations.json --from runs/photos-001",
    ),
    group="Train",
)


def _print_rcnn(result: DetectRcnnResult) -> None:
    """Print the scores, what was written, and what to type next."""
    _print_scores(result.set, result.images, result.ap50, result.map50)
    print_line(f"{duration(result.seconds)} in all")
    print_line(f"model   {result.model}")
    print_line(f"next    inceptionkit detect predict {shell_word(result.run)} IMAGE...")


RCNN = Command(
    detect_rcnn,
    _print_rcnn,
    (
        "inceptionkit detect rcnn cells/ --budget 60min",
        "inceptionkit detect rcnn cells/ --from runs/photos-001 --ensemble 6 --no-regression",
    ),
    group="Train",
)


def _print_resumed(result: DetectTrainResult | DetectRcnnResult) -> None:
    """Print what the verb prints that began the run."""
    if isinstance(result, DetectRcnnResult):
        _print_rcnn(result)
    else:
        _print_trained(result)


RESUME = Command(
    detect_resume,
    _print_resumed,
    (
        "inceptionkit detect resume runs/cells-001",
        "inceptionkit detect resume runs/cells-001 --data /mnt/cells",
    ),
    group="Train",
)


def _print_exported(result: DetectExportResult) -> None:
    """Print what was written, and how it agrees."""
    print_text(
        f"{result.same:,} of {result.boxes:,} boxes of {result.images} images are the same, scores "
        f"to {result.score_difference:.1g}"
    )
    print_line(f"wrote   {result.out}, {size(result.bytes)}")
    print_line(f"next    inceptionkit detect predict {shell_word(result.out)} IMAGE...")


EXPORT = Command(
    detect_export,
    _print_exported,
    (
        "inceptionkit detect export runs/cells-001 cells/",
        "inceptionkit detect export runs/cells-001 cells/ --to openvino --out models/cells",
    ),
    group="Deploy",
)


def _print_evaluated(result: DetectEvaluateResult) -> None:
    """Print the scores of each class, of COCO, and what is missed and false."""
    scores, coco = result.scores, result.scores.coco
    print_table(
        (f"{result.set}, {scores.images:,} images", "objects", "AP at IoU 0.5", "COCO AP"),
        [
            (one.name, f"{one.curve.objects:,}", percent(one.ap50), percent(one.ap))
            for one in scores.classes
        ],
        total=("mean", "", percent(scores.map50), percent(coco.ap)),
    )
    print_text(
        f"COCO    small {percent(coco.ap_small)}, medium {percent(coco.ap_medium)}, large "
        f"{percent(coco.ap_large)}; at IoU 0.75 {percent(coco.ap75)}"
    )
    confusion = result.confusion
    print_text(
        f"from a score of {result.show:.2f}: {len(confusion.missed):,} missed, "
        f"{len(confusion.false):,} false, {len(confusion.confused):,} of another class"
    )
    print_line(f"{result.images_per_second:.2g} images/s, {duration(result.seconds)} in all")
    for name, reason in result.unusable:
        print_text(f"{name}: {reason}")
    if result.page is not None:
        print_line(f"page    {result.page}")


EVALUATE = Command(
    detect_evaluate,
    _print_evaluated,
    (
        "inceptionkit detect evaluate runs/cells-001 cells/ --out cells.html",
        "inceptionkit detect evaluate runs/cells-001 cells/ --set val --json",
    ),
)


def _print_found(output: Output, answer: FoundObjects) -> None:
    """Print the objects of one image as they are found."""
    if output.json_only:
        print_json(answer.to_json())
    elif answer.error is not None:
        complain(f"{answer.path}: {answer.error}")
    elif not output.quiet:
        found = answer.to_json()["objects"]
        print_line(f"{answer.path}  {plural(len(found), 'object')}  {duration(answer.ms / 1e3)}")
        for one in found:
            box = " ".join(f"{value:6.1f}" for value in one["box"])
            where = "" if one["exit"] == "main" else f"  (exit {one['exit']})"
            print_line(f"  {one['label']:<16} {one['score']:.2f}  {box}{where}")
        if answer.picture is not None:
            print_line(f"  picture {answer.picture}")


PREDICT = Command(
    detect_predict,
    None,
    (
        "inceptionkit detect predict runs/cells-001 new.jpg",
        "inceptionkit detect predict runs/cells-001 new/ --out drawn/ --csv cells.csv",
    ),
    each=_print_found,
)

EXPLAIN = Command(
    detect_explain,
    None,
    (
        "inceptionkit detect explain runs/cells-001 new.jpg --out explained/",
        "inceptionkit detect explain runs/cells-001 new/ --score 0.5 --out explained/",
    ),
    each=_print_found,
)

FINDINGS = {
    "outside": "beyond the image",
    "no_area": "without an area",
    "tiny": "smaller than a pixel",
    "reversed": "reversed",
    "duplicate": "there twice",
    "near_duplicate": "nearly the same as another",
    "unknown_class": "of an unknown class",
    "not_finite": "not all numbers",
    "malformed": "malformed",
    "no_image": "whose image is missing",
    "no_annotation": "images without an annotation",
    "two_sets": "images in two sets",
    "size": "of an image of another size",
    "rotated": "of an image turned by EXIF",
    "unused_class": "classes without an object",
    "same_class": "classes of one name",
}
_EXAMPLES = 3  # of each kind of finding


def _print_checked(result: DetectCheckResult) -> None:
    """Print findings by kind, the objects of each class and set, and the recall of proposals."""
    opened = result.opened
    for kind, says in FINDINGS.items():
        those = [one for one in opened.findings if one.kind == kind]
        if those:
            print_line((f"{len(those):>7,} ", "yellow"), says)
        for one in those[:_EXAMPLES]:
            print_entry("", "", f"{one.name}: {one.detail}", dim=True)
    for skipped in opened.skipped[:_EXAMPLES]:
        print_text(f"unusable {skipped.name}: {skipped.reason}")
    for note in opened.notes:
        print_entry("note", "", note)
    every = list(dict.fromkeys(image.set or "all" for image in opened.images))
    sets = every if len(every) > 1 else []
    print_table(
        ("class", "objects", *sets),
        [
            (name, f"{sum(counts.values()):,}", *(f"{counts.get(one, 0):,}" for one in sets))
            for name, counts in result.objects.items()
        ],
        title=f"{len(opened):,} of {len(opened) + len(opened.skipped):,} images are usable",
    )
    if result.recall:
        print_table(
            ("proposed by", "proposals", "recall at IoU 0.5", "at 0.7"),
            [
                (one.source, f"{one.proposals:,}", percent(one.at_50), percent(one.at_70))
                for one in result.recall
            ],
        )
    print_line(f"layout  {opened.layout} ({duration(result.seconds)})")
    print_line(f"next    inceptionkit detect train {shell_word(opened.address)}")


CHECK = Command(
    detect_check,
    _print_checked,
    ("inceptionkit detect check cells/", "inceptionkit detect check cells/data.yaml --strict"),
    group="Look at data",
)

COMMANDS = {
    "check": CHECK,
    "train": TRAIN,
    "rcnn": RCNN,
    "resume": RESUME,
    "evaluate": EVALUATE,
    "predict": PREDICT,
    "explain": EXPLAIN,
    "export": EXPORT,
}
