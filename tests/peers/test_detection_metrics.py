"""Average precision of detections against pycocotools, and against VOC's own program."""

import contextlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_boxes import detections, truth

from inceptionkit.detection.boxes import areas
from inceptionkit.detection.metrics import coco_scores, curve, voc_2007, voc_2012
from inceptionkit.detection.types import AnnotatedImage, Detections

NAMES = (
    "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large",
    "ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large",
)  # fmt: skip


def of_pycocotools(
    images: list[AnnotatedImage], found: list[Detections], classes: int
) -> tuple[list[float], Any]:
    coco = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for number, (image, seen) in enumerate(zip(images, found, strict=True), 1):
        sizes = areas(image.boxes) if image.areas is None else image.areas
        for box, label, crowd, area in zip(
            image.boxes, image.labels, image.difficult, sizes, strict=True
        ):
            x1, y1, x2, y2 = map(float, box)
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": int(label),
                "bbox": [x1, y1, x2 - x1, y2 - y1], "area": float(area),
                "iscrowd": int(crowd),
            })  # fmt: skip
        for box, label, score in zip(seen.boxes, seen.labels, seen.scores, strict=True):
            x1, y1, x2, y2 = map(float, box)
            results.append({
                "image_id": number, "category_id": int(label),
                "bbox": [x1, y1, x2 - x1, y2 - y1], "score": float(score),
            })  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        one = coco.COCO()
        one.dataset = {
            "info": {},
            "images": [{"id": number} for number in range(1, len(images) + 1)],
            "annotations": annotations,
            "categories": [{"id": label, "name": str(label)} for label in range(classes)],
        }
        one.createIndex()
        evaluation = COCOeval(one, one.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return list(evaluation.stats), evaluation.eval["precision"]


@pytest.mark.peer
@pytest.mark.parametrize("seed", range(8))
def test_cocos_twelve_numbers_are_those_of_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = 1 + seed % 4
    images = truth(rng, 25, classes)
    found = detections(rng, images, classes)

    theirs, precision = of_pycocotools(images, found, classes)
    ours = coco_scores(images, found, classes)

    mine = [getattr(ours, name) for name in NAMES]
    assert np.nan_to_num(mine, nan=-1) == pytest.approx(theirs, abs=1e-6)
    for label in range(classes):
        values = precision[:, :, label, 0, 2]
        assert ours.per_class[label] == pytest.approx(values[values > -1].mean(), abs=1e-6)


@pytest.mark.peer
@pytest.mark.parametrize("seed", range(4))
def test_objects_are_as_large_as_their_masks_as_in_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = [
        replace(image, areas=areas(image.boxes) * rng.uniform(0.05, 1, len(image)))
        for image in truth(rng, 25, 2)
    ]
    found = detections(rng, images, 2)

    theirs, _ = of_pycocotools(images, found, 2)
    ours = coco_scores(images, found, 2)

    mine = [getattr(ours, name) for name in NAMES]
    assert np.nan_to_num(mine, nan=-1) == pytest.approx(theirs, abs=1e-6)
    by_boxes = coco_scores([replace(image, areas=None) for image in images], found, 2)
    assert by_boxes.ap_small != ours.ap_small


@pytest.mark.peer
def test_crowded_images_keep_the_best_hundred_as_pycocotools_does() -> None:
    rng = np.random.default_rng(0)
    images = truth(rng, 2, 1)
    many = [detections(rng, images, 1) for _ in range(30)]
    found = []
    for parts in zip(*many, strict=True):
        scores = np.concatenate([one.scores for one in parts])
        order = np.argsort(-scores, kind="stable")
        boxes = np.concatenate([one.boxes for one in parts])[order]
        labels = np.concatenate([one.labels for one in parts])[order]
        found.append(Detections(boxes, labels, scores[order], ("main",) * len(order)))

    assert max(map(len, found)) > 200
    theirs, _ = of_pycocotools(images, found, 1)
    ours = coco_scores(images, found, 1)
    mine = [getattr(ours, name) for name in NAMES]
    assert np.nan_to_num(mine, nan=-1) == pytest.approx(theirs, abs=1e-6)


def of_voc(  # noqa: C901 - one function there, too
    images: list[AnnotatedImage], found: list[Detections], label: int, *, points: bool
) -> float:
    """VOCevaldet.m of the development kit, line by line; boxes are first and last pixels."""
    rows = [
        (score, number, (box[0] + 1, box[1] + 1, box[2], box[3]))
        for number, seen in enumerate(found)
        for box, own, score in zip(seen.boxes, seen.labels, seen.scores, strict=True)
        if own == label
    ]
    rows.sort(key=lambda row: -row[0])
    taken: set[tuple[int, int]] = set()
    positives = sum(
        int(own == label and not hard)
        for image in images
        for own, hard in zip(image.labels, image.difficult, strict=True)
    )
    tp, fp = np.zeros(len(rows)), np.zeros(len(rows))
    for d, (_, number, bb) in enumerate(rows):
        most, best = -np.inf, -1
        for j, (box, own) in enumerate(
            zip(images[number].boxes, images[number].labels, strict=True)
        ):
            if own != label:
                continue
            bbgt = (box[0] + 1, box[1] + 1, box[2], box[3])
            bi = (
                max(bb[0], bbgt[0]),
                max(bb[1], bbgt[1]),
                min(bb[2], bbgt[2]),
                min(bb[3], bbgt[3]),
            )
            iw, ih = bi[2] - bi[0] + 1, bi[3] - bi[1] + 1
            if iw > 0 and ih > 0:
                union = (
                    (bb[2] - bb[0] + 1) * (bb[3] - bb[1] + 1)
                    + (bbgt[2] - bbgt[0] + 1) * (bbgt[3] - bbgt[1] + 1)
                    - iw * ih
                )
                if iw * ih / union > most:
                    most, best = iw * ih / union, j
        if most >= 0.5:
            if not images[number].difficult[best]:
                if (number, best) not in taken:
                    tp[d] = 1
                    taken.add((number, best))
                else:
                    fp[d] = 1
        else:
            fp[d] = 1
    tp, fp = np.cumsum(tp), np.cumsum(fp)
    recall = tp / positives
    precision = tp / np.maximum(fp + tp, 1e-300)
    if points:
        return sum(
            float(max(precision[recall >= t], default=0.0)) / 11 for t in np.arange(0, 1.1, 0.1)
        )
    mrec = np.concatenate([[0], recall, [1]])
    mpre = np.concatenate([[0], precision, [0]])
    for i in range(len(mpre) - 2, -1, -1):
        mpre[i] = max(mpre[i], mpre[i + 1])
    steps = np.flatnonzero(mrec[1:] != mrec[:-1]) + 1
    return float(((mrec[steps] - mrec[steps - 1]) * mpre[steps]).sum())


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_what_vocs_program_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = truth(rng, 15, 3)
    found = detections(rng, images, 3)

    for label in range(3):
        one = curve(images, found, label)
        assert voc_2012(one) == pytest.approx(of_voc(images, found, label, points=False), abs=1e-9)
        assert voc_2007(one) == pytest.approx(of_voc(images, found, label, points=True), abs=1e-9)


def test_an_overlap_of_one_half_is_enough_as_in_vocs_program() -> None:
    rng = np.random.default_rng(0)
    (image,) = truth(rng, 1, 1)
    image = replace(
        image,
        boxes=np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float32),
        labels=np.zeros(2, np.int64),
        difficult=np.zeros(2, np.bool_),
    )
    halves = np.array([[0, 0, 10, 5], [20, 0, 30, 4]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    found = [Detections(halves, np.zeros(2, np.int64), scores, ("main",) * 2)]

    ours = voc_2012(curve([image], found, 0))

    assert ours == of_voc([image], found, 0, points=False) == 0.5
