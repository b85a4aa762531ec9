"""Scores of detectors: average precision as VOC and COCO define it, and confusion."""

from inceptionkit.detection.metrics.coco import CocoScores, coco_scores
from inceptionkit.detection.metrics.confusion import Confusion, confusion
from inceptionkit.detection.metrics.summary import ClassScores, DetectionScores, score
from inceptionkit.detection.metrics.voc import Curve, curve, voc_2007, voc_2012

__all__ = [
    "ClassScores",
    "CocoScores",
    "Confusion",
    "Curve",
    "DetectionScores",
    "coco_scores",
    "confusion",
    "curve",
    "score",
    "voc_2007",
    "voc_2012",
]
