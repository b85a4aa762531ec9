"""Readers of annotated images: Pascal VOC, COCO, YOLO and Darknet, tables."""

from inceptionkit.detection.sources.open import open_detection

__all__ = ["open_detection"]
