"""Which images a YOLO or Darknet configuration names, below its folder or elsewhere."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

from inceptionkit.data import checks
from inceptionkit.data.types import SetName
from inceptionkit.detection.sources.files import Files, folder_of, read_text, set_of, shown
from inceptionkit.detection.sources.raw import RawSet
from inceptionkit.detection.sources.yolo_config import BYTES, Config, ends


def label_places(image: str) -> tuple[str, ...]:
    """Where the labels of an image may be.

    >>> label_places("images/train/1.jpg")
    ('labels/train/1.txt', 'images/train/1.txt')
    """
    beside = posixpath.splitext(image)[0] + ".txt"
    head, found, tail = f"/{beside}".rpartition("/images/")
    return (f"{head}/labels/{tail}"[1:], beside) if found else (beside,)


def list_elsewhere(files: Files, config: Config) -> None:
    """List the images that a configuration names outside of its folder, and their labels.

    Sources:
        https://docs.ultralytics.com/datasets/detect/: `path` is the folder of the dataset, whose
        train and val may be whole paths, too.
    """
    for place in [place for places in config.places.values() for place in places]:
        names = _candidates(files, config, place)
        if place.lower().endswith(".txt"):
            for listed in [name for name in names if _is_file(files, name)][:1]:
                _add_listed(files, listed)
        elif not any(one.startswith(f"{names[0]}/") for one in files.images):
            for folder in filter(_is_outside, names):
                _add_folder(files, folder)


def images_of(raw: RawSet, config: Config) -> list[tuple[str, set[SetName]]]:
    """Every image and its sets; without places in a configuration all, by the names of folders.

    Raises:
        DataError: the configuration names places, and none holds an image.
    """
    if not config.places:
        return [
            (image, {given} if (given := set_of(image)) else set()) for image in raw.files.images
        ]
    found: dict[str, set[SetName]] = {}
    empty = list[tuple[str, str]]()
    for given, places in config.places.items():
        for place in places:
            chosen = _images_at(raw, config, place)
            if not chosen:
                empty.append((f"{given}: {place!r} holds no image", place))
            for image in chosen:
                found.setdefault(image, set()).add(given)
    if not found:
        where = str(raw.files.root / config.source)
        raise checks.data_error(where, empty[0][0], _advice(raw.files, config, empty[0][1]))
    for wrong, _ in empty:
        raw.find("no_image", shown(config.source), wrong)
    return sorted(found.items())


def _candidates(files: Files, config: Config, place: str) -> list[str]:
    """Where a place of a configuration may be; "../train/images" of Roboflow is train/images."""
    whole = place.replace("\\", "/")
    parts = [part for part in whole.split("/") if part not in {"", "."}]
    plain = posixpath.join(*[part for part in parts if part != ".."] or ["."])
    names = [files.place_of(posixpath.join(config.root, one)) for one in (whole, "/".join(parts))]
    names.append(posixpath.normpath(plain))
    if ".." in parts and any(one.startswith(f"{plain}/") for one in files.images):
        names.sort(key=_is_outside)  # what lies in the folder is meant
    return list(dict.fromkeys(names))


def _is_outside(name: str) -> bool:
    return name.startswith("../") or Path(name).is_absolute()


def _add_folder(files: Files, folder: str) -> None:
    """List a folder of images, and that of their labels."""
    labels = folder_of(label_places(f"{folder}/x.jpg")[0])
    for one in dict.fromkeys((folder, labels)):
        if os.path.isdir(files.root / one):  # noqa: PTH112 - the name may be too long
            files.add_folder(one)


def _add_listed(files: Files, listed: str) -> None:
    """List the images outside of the folder that a list names, and their labels."""
    near = folder_of(listed)
    places = (files.place_of(posixpath.join(near, line)) for line in _lines(files, listed))
    images = [place for place in places if _is_outside(place) and _is_file(files, place)]
    labels = [label for image in images for label in label_places(image)]
    files.add(images, [listed, *(label for label in labels if _is_file(files, label))])


def _is_file(files: Files, name: str) -> bool:
    return os.path.isfile(files.root / name)  # noqa: PTH113 - the name may be too long


def _lines(files: Files, listed: str) -> list[str]:
    lines = read_text(files.root / listed, BYTES).split("\n")
    return [line.strip().replace("\\", "/") for line in lines if line.strip()]


def _images_at(raw: RawSet, config: Config, place: str) -> list[str]:
    """The images of a folder or of a list."""
    files, names = raw.files, _candidates(raw.files, config, place)
    if place.lower().endswith(".txt"):
        listed = next((one for one in names if one in files.others), None) or next(
            (one for one in files.others if ends(one, place)), None
        )
        return [] if listed is None else _listed(raw, listed)
    for folder in names:
        below = "" if folder == "." else f"{folder}/"
        if chosen := [image for image in files.images if image.startswith(below)]:
            return chosen
    return []


def _listed(raw: RawSet, listed: str) -> list[str]:
    """The images that a list names, one a line; those that are missing are reported."""
    found = []
    for line in _lines(raw.files, listed):
        image = raw.files.find_image(line, folder_of(listed))
        if image is not None:
            found.append(image)
        else:
            raw.missing(line, listed)
    return found


def _advice(files: Files, config: Config, place: str) -> str:
    """What to do about a place that holds no image."""
    whole = posixpath.join(config.root, place.replace("\\", "/"))
    path = os.path.normpath(files.root.absolute() / whole)
    if os.path.exists(path) and not config.elsewhere and _is_outside(files.place_of(whole)):  # noqa: PTH110
        return f"it lies outside of the folder: give {files.root / config.source} by itself"
    return f"put images into {path}, correct the path, or remove the key"
