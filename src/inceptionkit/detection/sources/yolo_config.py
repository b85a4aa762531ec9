"""What a YOLO or Darknet configuration says: classes, key points, and places of images."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass, field
from typing import Any

from inceptionkit.data import checks
from inceptionkit.data.types import SETS, SetName
from inceptionkit.detection.sources.files import Files, folder_of, read_head, read_text, shown

BYTES = 2**28
"""Most bytes of a file: 256 MiB."""

_HEAD = 2**20

CLASS_FILES = (
    "classes.txt",
    "obj.names",
    "labels.names",
    "_darknet.labels",
    "predefined_classes.txt",
)


@dataclass(slots=True)
class Config:
    """What a configuration says; images by set are folders, lists or patterns of names."""

    classes: tuple[str, ...] | None = None
    keypoints: int = 0  # numbers that follow the four of a box
    places: dict[SetName, list[str]] = field(default_factory=dict)
    root: str = ""  # below the folder, or where its `path` leads
    source: str = ""
    elsewhere: bool = False  # whether images may lie outside of the folder


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
        if posixpath.basename(name).lower() in CLASS_FILES or name.lower().endswith(".names")
    ]
    return min(found, key=lambda name: (name.count("/"), name), default=None)


def read_config(files: Files, name: str | None) -> Config:
    """Read a configuration, or the list of classes of a folder without one.

    Raises:
        DataError: it cannot be read.
    """
    if name is None:
        listed = class_file(files)
        return Config(_names(files, listed) if listed else None, source=listed or "")
    text = read_text(files.root / name, BYTES)
    if name.lower().endswith(".data"):
        return _darknet(files, name, text)
    return _ultralytics(files, name, text)


def _names(files: Files, name: str) -> tuple[str, ...]:
    lines = read_text(files.root / name, BYTES).splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def _darknet(files: Files, name: str, text: str) -> Config:
    pairs = {
        key.strip(): value.strip()
        for line in text.splitlines()
        for key, found, value in [line.partition("=")]
        if found
    }
    config = Config(source=name, root=folder_of(name))
    listed = next(
        (one for one in files.others if pairs.get("names") and ends(one, pairs["names"])), None
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


def _ultralytics(files: Files, name: str, text: str) -> Config:
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
    below = files.place_of(posixpath.join(folder_of(name), str(root))) if root else folder_of(name)
    exists = os.path.isdir(files.root / below)  # noqa: PTH112 - the name may be too long
    config = Config(tuple(map(str, names)), source=name, root=below if exists else folder_of(name))
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


def ends(name: str, place: str) -> bool:
    """Whether a file is called as a path ends."""
    return f"/{name}".endswith("/" + posixpath.basename(place.replace("\\", "/")))
