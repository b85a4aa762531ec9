"""YOLO and Darknet: a text file per image with class, center and size as fractions.

The configuration is a data.yaml (Ultralytics), a .data file (Darknet), or a list of classes such as
classes.txt or obj.names beside the labels.
"""

from __future__ import annotations

import math
import posixpath
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from inceptionkit.data import checks
from inceptionkit.data.set_names import set_named
from inceptionkit.data.types import SETS, SetName
from inceptionkit.detection.sources.files import (
    Files,
    folder_of,
    read_head,
    read_text,
    set_of,
    shown,
    stem,
    why_unreadable,
)
from inceptionkit.detection.sources.raw import RawImage, RawSet
from inceptionkit.files import read_bounded

BYTES = 2**28
"""Most bytes of a file: 256 MiB."""

_HEAD = 2**20

_CLASS_FILES = (
    "classes.txt",
    "obj.names",
    "labels.names",
    "_darknet.labels",
    "predefined_classes.txt",
)
_NUMBER = re.compile(r"[0-9]+")


@dataclass(slots=True)
class _Config:
    """What a configuration says; images by set are folders, lists or patterns of names."""

    classes: tuple[str, ...] | None = None
    keypoints: int = 0  # numbers that follow the four of a box
    places: dict[SetName, list[str]] = field(default_factory=dict)
    root: str = ""  # below the folder
    source: str = ""


def configuration(files: Files) -> str | None:
    """The data.yaml or .data file of a folder, the one nearest to the root."""
    found = [
        name
        for name in files.ending(".yaml", ".yml", ".data")
        if name.lower().endswith(".data") or _is_yolo_yaml(files, name)
    ]
    return min(found, key=lambda name: (name.count("/"), name), default=None)


def class_file(files: Files) -> str | None:
    """A list of class names, one a line, as LabelImg and Darknet write it."""
    found = [
        name
        for name in files.others
        if posixpath.basename(name).lower() in _CLASS_FILES or name.lower().endswith(".names")
    ]
    return min(found, key=lambda name: (name.count("/"), name), default=None)


def label_files(files: Files) -> list[str]:
    """The text files that lie beside an image of their name, or in its folder of labels."""
    texts = frozenset(files.ending(".txt"))
    return [label for image in files.images for label in label_places(image) if label in texts]


def read_yolo(files: Files, config_name: str | None) -> RawSet:
    """Read the labels of every image that the configuration names, or of all images.

    Raises:
        DataError: the configuration cannot be read, or nothing that it names holds an image.
    """
    raw = RawSet("yolo", files)
    config = _read_config(files, config_name)
    raw.classes = config.classes
    texts, used, without = frozenset(files.ending(".txt")), set[str](), 0
    for name, sets in _images(raw, config):
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


def label_places(image: str) -> tuple[str, ...]:
    """Where the labels of an image may be.

    >>> label_places("images/train/1.jpg")
    ('labels/train/1.txt', 'images/train/1.txt')
    """
    beside = posixpath.splitext(image)[0] + ".txt"
    head, found, tail = f"/{beside}".rpartition("/images/")
    return (f"{head}/labels/{tail}"[1:], beside) if found else (beside,)


def _read_config(files: Files, name: str | None) -> _Config:
    if name is None:
        listed = class_file(files)
        return _Config(_names(files, listed) if listed else None, source=listed or "")
    text = read_text(files.root / name, BYTES)
    if name.lower().endswith(".data"):
        return _darknet(files, name, text)
    return _ultralytics(files, name, text)


def _names(files: Files, name: str) -> tuple[str, ...]:
    lines = read_text(files.root / name, BYTES).splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def _darknet(files: Files, name: str, text: str) -> _Config:
    pairs = {
        key.strip(): value.strip()
        for line in text.splitlines()
        for key, found, value in [line.partition("=")]
        if found
    }
    config = _Config(source=name, root=folder_of(name))
    listed = next(
        (one for one in files.others if pairs.get("names") and _ends(one, pairs["names"])), None
    )
    if listed is None:
        wrong = f"its names = {pairs.get('names', '')!r} is not there"
        raise checks.data_error(str(files.root / name), wrong, "add the list of class names")
    config.classes = _names(files, listed)
    if (count := pairs.get("classes", "")) and count != str(len(config.classes)):
        wrong = f"classes = {count}, and {shown(listed)} has {len(config.classes)} names"
        raise checks.data_error(str(files.root / name), wrong, "make them equal")
    for key, given in (("train", "train"), ("valid", "val"), ("test", "test")):
        if pairs.get(key):
            config.places[given] = [pairs[key]]  # type: ignore[index] # the three words above
    return config


def _ultralytics(files: Files, name: str, text: str) -> _Config:
    where = str(files.root / name)
    content = load_yaml(where, text)
    names, count = content.get("names"), content.get("nc")
    if isinstance(names, dict):
        try:
            names = [names[key] for key in range(len(names))]
        except KeyError as error:
            wrong = f"its names have no number {error}"
            raise checks.data_error(where, wrong, "number them from 0") from error
    if not isinstance(names, list) or not all(isinstance(one, str | int) for one in names):
        raise checks.data_error(where, "its names are no list", "list the names of the classes")
    if isinstance(count, int) and count != len(names):
        wrong = f"nc is {count}, and there are {len(names)} names"
        raise checks.data_error(where, wrong, "make them equal")
    root = content.get("path")
    below = posixpath.normpath(posixpath.join(folder_of(name), str(root))) if root else ""
    exists = below == "." or any(
        one.startswith(f"{below}/") for one in (*files.images, *files.others)
    )
    config = _Config(tuple(map(str, names)), source=name, root=below if exists else folder_of(name))
    config.keypoints = _keypoints(where, content.get("kpt_shape"))
    for given in SETS:
        places = content.get(given)
        if places:
            every = places if isinstance(places, list) else [places]
            config.places[given] = [str(one) for one in every]
    return config


def _keypoints(where: str, shape: object) -> int:
    """How many numbers the key points of an object are."""
    match shape:
        case None:
            return 0
        case [int(points), 2 | 3 as numbers] if points > 0:
            return points * numbers
        case _:
            wrong = f"its kpt_shape is {str(shape)[:40]}"
            raise checks.data_error(where, wrong, "write [points, 2] or [points, 3]")


def load_yaml(where: str, text: str) -> dict[str, Any]:
    """The mapping of a YAML file; no objects of Python, no aliases that grow without end.

    Raises:
        DataError: it is no such, or PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        wrong = "YAML is read by PyYAML, which is not installed"
        raise checks.data_error(where, wrong, "pip install 'inceptionkit[detect]'") from error
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise checks.data_error(where, "it has aliases", "write its values out")
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise checks.data_error(where, f"it is no YAML ({reason})", "correct it") from error
    if not isinstance(content, dict):
        raise checks.data_error(where, "it holds no keys", "write path, train, val and names")
    return content


def _is_yolo_yaml(files: Files, name: str) -> bool:
    text = read_head(files.root / name, _HEAD)
    return re.search(rb"^\s*names\s*:", text, re.MULTILINE) is not None


def _images(raw: RawSet, config: _Config) -> list[tuple[str, set[SetName]]]:
    """Every image and its sets; without places in a configuration all, by the names of folders.

    Raises:
        DataError: the configuration names places, and none holds an image.
    """
    if not config.places:
        return [
            (image, {given} if (given := set_of(image)) else set()) for image in raw.files.images
        ]
    found: dict[str, set[SetName]] = {}
    empty = []
    for given, places in config.places.items():
        for place in places:
            chosen = _images_at(raw, config, place)
            if not chosen:
                empty.append(f"{given}: {place!r} holds no image")
            for image in chosen:
                found.setdefault(image, set()).add(given)
    if not found:
        where = str(raw.files.root / config.source)
        raise checks.data_error(where, empty[0], "correct the path, or remove the key")
    for one in empty:
        raw.find("no_image", shown(config.source), one)
    return sorted(found.items())


def _images_at(raw: RawSet, config: _Config, place: str) -> list[str]:
    """The images of a folder or of a list; "../train/images", as Roboflow writes, too."""
    files = raw.files
    parts = [part for part in place.replace("\\", "/").split("/") if part not in {"", "."}]
    inside = posixpath.normpath(posixpath.join(config.root, *parts))
    plain = posixpath.join(*[part for part in parts if part != ".."] or ["."])
    if place.lower().endswith(".txt"):
        listed = next((one for one in files.others if one == inside), None) or next(
            (one for one in files.others if _ends(one, place)), None
        )
        if listed is None:
            return []
        return _listed(raw, listed)
    for folder in dict.fromkeys((inside, posixpath.normpath(plain))):
        below = "" if folder == "." else f"{folder}/"
        if chosen := [image for image in files.images if image.startswith(below)]:
            return chosen
    return []


def _listed(raw: RawSet, listed: str) -> list[str]:
    """The images that a list names, one a line; those that are missing are reported."""
    found = []
    for line in map(str.strip, read_text(raw.files.root / listed, BYTES).split("\n")):
        image = raw.files.find_image(line, folder_of(listed)) if line else None
        if image is not None:
            found.append(image)
        elif line:
            raw.missing(line, listed)
    return found


def _read_labels(raw: RawSet, lines: list[str], image: RawImage, config: _Config) -> None:
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
        if labels and base not in _CLASS_FILES and set_named(stem(name)) is None:
            raw.skip(shown(name), "its image is missing; add it, or delete the labels")
            raw.find("no_image", shown(name), "labels without an image of their name")


def _ends(name: str, place: str) -> bool:
    return f"/{name}".endswith("/" + posixpath.basename(place.replace("\\", "/")))
