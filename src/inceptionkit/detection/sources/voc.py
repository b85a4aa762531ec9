"""Pascal VOC: one XML file per image, sets listed under ImageSets or named by folders.

Sources:
    Everingham et al., "The PASCAL Visual Object Classes Challenge 2007, Development Kit",
    section 8.
"""

from __future__ import annotations

import math
from collections import defaultdict
from xml.etree.ElementTree import Element

from inceptionkit.data.set_names import set_named
from inceptionkit.data.types import SetName
from inceptionkit.detection.sources.files import (
    Files,
    folder_of,
    read_text,
    set_of,
    shown,
    stem,
    why_unreadable,
)
from inceptionkit.detection.sources.raw import LARGEST_SIDE, RawSet
from inceptionkit.detection.sources.xml import BYTES, XmlError, parse
from inceptionkit.files import read_bounded
from inceptionkit.preprocess import EXTENSIONS

_LIST_BYTES = 2**28


def read_voc(files: Files) -> RawSet:
    """Read every XML file below a folder, and match each with its image."""
    raw = RawSet("voc", files)
    annotations = files.ending(".xml")
    sets = _image_sets(raw, {stem(name) for name in annotations})
    for name in annotations:
        try:
            root = parse(read_bounded(files.root / name, BYTES))
        except (XmlError, OSError) as error:
            raw.skip(shown(name), why_unreadable(error))
            if image := _image_of(files, name, ""):
                raw.leave_out(image)
            continue
        if root.tag != "annotation":
            continue
        image = _image_of(files, name, root.findtext("filename") or "")
        if image is None:
            raw.skip(shown(name), "its image is missing; add it, or delete the annotation")
            raw.find("no_image", shown(name), f"names {root.findtext('filename') or stem(name)!r}")
        elif raw.knows(image):
            raw.skip(shown(name), f"{shown(image)} has another annotation already")
        else:
            _add(raw, name, image, root)
    for one in raw.images:
        folder = set_of(one.name) or set_of(one.source)
        by_folder = {folder} if folder else set()
        one.sets = sets.get(stem(one.name), set()) if sets else by_folder
    return raw


def _image_of(files: Files, annotation: str, filename: str) -> str | None:
    """By the name of the XML file; where nothing is called so, by what stands in it."""
    near = folder_of(annotation)
    return files.find_image(stem(annotation), near) or files.find_image(filename, near)


def _add(raw: RawSet, name: str, image: str, root: Element) -> None:
    found = raw.image(image, name, None)
    stated = (_number(root, "size/height"), _number(root, "size/width"))
    if all(1 <= side < LARGEST_SIDE for side in stated):
        found.stated = (int(stated[0]), int(stated[1]))
    for one in root.iterfind("object"):
        x1, y1, x2, y2 = (_number(one, f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax"))
        # first and last pixel, counted from 1, become edges; but a click is no pixel
        first = 0 if x1 == x2 or y1 == y2 else 1
        found.add(
            (x1 - min(x1 >= 1, first), y1 - min(y1 >= 1, first), x2, y2),
            (one.findtext("name") or "").strip(),
            difficult=(one.findtext("difficult") or "").strip() in {"1", "true", "True"},
        )


def _image_sets(raw: RawSet, annotated: set[str]) -> dict[str, set[SetName]]:
    """Stem of an image -> its sets, from ImageSets/Main; train and val win over trainval.

    Args:
        raw: gets the names that are listed, and are neither images nor annotations.
        annotated: stems of the annotations.
    """
    found = defaultdict[str, set[SetName]](set)
    both = set[str]()
    for name in _lists(raw.files):
        for line in read_text(raw.files.root / name, _LIST_BYTES).splitlines():
            if not (words := line.split()):
                continue
            named = words[0].lower().endswith(tuple(EXTENSIONS))
            one = stem(words[0]) if named else words[0].rpartition("/")[2]
            if one not in annotated and not raw.files.has_image(one):
                raw.missing(one, name)
            elif "trainval" in stem(name).lower():
                both.add(one)
            elif given := set_named(stem(name)):
                found[one].add(given)
    for one in both - found.keys():
        found[one].add("train")
    return dict(found)


def _lists(files: Files) -> list[str]:
    """The lists of sets: those of ImageSets/Main where it is there, for it lists the objects."""
    lists = [
        name
        for name in files.ending(".txt")
        if "imagesets" in name.lower()
        and "_" not in stem(name)  # aeroplane_train.txt: one class
        and set_named(stem(name)) is not None
    ]
    return [name for name in lists if "/main/" in f"/{name.lower()}"] or lists


def _number(element: Element, path: str) -> float:
    """A number in the text of an element; NaN where there is none, which `clean` reports."""
    try:
        return float(element.findtext(path) or "nan")
    except ValueError:
        return math.nan
