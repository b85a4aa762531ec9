"""YOLO and Darknet: a text file per image with class, center and size as fractions.

The configuration is a data.yaml (Ultralytics), a .data file (Darknet), or a list of classes such as
classes.txt or obj.names beside the labels.
"""

from __future__ import annotations

import math
import posixpath
import re
from typing import Literal

from inceptionkit.data.set_names import set_named
from inceptionkit.detection.sources.files import Files, folder_of, shown, stem, why_unreadable
from inceptionkit.detection.sources.raw import RawImage, RawSet
from inceptionkit.detection.sources.yolo_config import BYTES, CLASS_FILES, Config, read_config
from inceptionkit.detection.sources.yolo_places import images_of, label_places, list_elsewhere
from inceptionkit.files import read_bounded

_NUMBER = re.compile(r"[0-9]+")


def label_files(files: Files) -> list[str]:
    """The text files that lie beside an image of their name, or in its folder of labels."""
    texts = frozenset(files.ending(".txt"))
    return [label for image in files.images for label in label_places(image) if label in texts]


def read_yolo(files: Files, config_name: str | None, *, elsewhere: bool = False) -> RawSet:
    """Read the labels of every image that the configuration names, or of all images.

    Args:
        files: below a folder.
        config_name: of the configuration there.
        elsewhere: whether it may name images outside of the folder: where a user names it.

    Raises:
        DataError: the configuration cannot be read, or nothing that it names holds an image.
    """
    config = read_config(files, config_name)
    config.elsewhere = elsewhere
    if elsewhere:
        list_elsewhere(files, config)
    raw = RawSet("yolo", files)
    raw.classes = config.classes
    texts, used, without = frozenset(files.ending(".txt")), set[str](), 0
    for name, sets in images_of(raw, config):
        label = next((one for one in label_places(name) if one in texts), None)
        lines: list[str] = []
        if label is None:
            without += 1
        else:
            used.add(label)
            try:
                lines = read_bounded(files.root / label, BYTES).decode("utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raw.skip(shown(label), why_unreadable(error))
                raw.leave_out(name)
                continue
        image = raw.image(name, label or name, None)
        image.sets, image.fractions = sets, True
        _read_labels(raw, lines, image, config)
    if without:
        raw.notes.append(f"{without:,} images have no labels: they count as without objects")
    of_others = {label for image in files.images for label in label_places(image)}
    _orphans(raw, texts - used - of_others, {folder_of(name) for name in used})
    return raw


def _read_labels(raw: RawSet, lines: list[str], image: RawImage, config: Config) -> None:
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        values = _floats(words[1:])
        form = _form(len(values), config.keypoints)
        if form is None or not _NUMBER.fullmatch(words[0]):
            where = f"line {number}: {line[:60]!r} is not class, x, y, width, height"
            raw.find("malformed", shown(image.source), where)
            continue
        if form == "outline" and "outlines became their boxes" not in raw.notes:
            raw.notes.append("outlines became their boxes")
        index = int(words[0]) if len(words[0]) < 10 else -1
        known = config.classes is not None and 0 <= index < len(config.classes)
        label = config.classes[index] if config.classes and known else words[0][:20]
        image.add(_around(values) if form == "outline" else _centered(values), label)


def _form(count: int, keypoints: int) -> Literal["box", "outline"] | None:
    """What so many numbers after a class are: a box, also with a confidence, or an outline."""
    if keypoints:
        return "box" if count in {4, 4 + keypoints} else None
    if count in {4, 5}:
        return "box"
    return "outline" if count >= 6 and count % 2 == 0 else None


def _centered(values: list[float]) -> tuple[float, float, float, float]:
    x, y, w, h = values[:4]
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def _around(values: list[float]) -> tuple[float, float, float, float]:
    """The box around corners; not a number where one of them is none, which `clean` reports."""
    if not all(map(math.isfinite, values)):
        return (math.nan,) * 4
    return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])


def _floats(words: list[str]) -> list[float]:
    """The numbers; none at all where a word is none."""
    try:
        return [float(word) for word in words]
    except ValueError:
        return []


def _orphans(raw: RawSet, unused: frozenset[str], folders: set[str]) -> None:
    """Report labels whose image is missing: text files where labels are, but lists of names."""
    for name in sorted(unused):
        base = posixpath.basename(name).lower()
        labels = folder_of(name) in folders or "labels" in name.split("/")[:-1]
        if labels and base not in CLASS_FILES and set_named(stem(name)) is None:
            raw.skip(shown(name), "its image is missing; add it, or delete the labels")
            raw.find("no_image", shown(name), "labels without an image of their name")
