"""Pascal VOC: one XML file per image, sets listed under ImageSets or named by folders.

Sources:
    Everingham et al., "The PASCAL Visual Object Classes Challenge 2007, Development Kit",
    section 8.
"""

from __future__ import annotations

import math
from collections import Counter
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
)
from inceptionkit.detection.sources.raw import LARGEST_SIDE, RawImage, RawSet
from inceptionkit.detection.sources.xml import BYTES, XmlError, parse
from inceptionkit.files import read_bounded
from inceptionkit.preprocess import EXTENSIONS

_LIST_BYTES = 2**28


def read_voc(files: Files) -> RawSet:
    """Read every XML file below a folder, and match each with its image."""
    raw = RawSet("voc")
    sets = _image_sets(files)
    known = set[str]()
    for name in files.ending(".xml"):
        try:
            root = parse(read_bounded(files.root / name, BYTES))
        except (XmlError, OSError) as error:
            raw.skip(shown(name), str(getattr(error, "strerror", None) or error))
            known.update(filter(None, [_image_of(files, name, "")]))
            continue
        if root.tag != "annotation":
            continue
        image = _image_of(files, name, root.findtext("filename") or "")
        if image is None:
            raw.skip(shown(name), "its image is missing; add it, or delete the annotation")
            raw.find("no_image", shown(name), f"names {root.findtext('filename') or stem(name)!r}")
        elif image in known:
            raw.skip(shown(name), f"{shown(image)} has another annotation already")
        else:
            known.add(image)
            raw.images.append(_annotated(files, name, image, root, sets))
    _add_unannotated(raw, files, known)
    if sets:
        outside = sum(image.set is None for image in raw.images)
        if outside:
            raw.notes.append(f"{outside:,} images are in no list of ImageSets: no set has them")
    return raw


def _image_of(files: Files, annotation: str, filename: str) -> str | None:
    """By the name of the XML file; where nothing is called so, by what stands in it."""
    near = folder_of(annotation)
    return files.find_image(stem(annotation), near) or files.find_image(filename, near)


def _annotated(
    files: Files, name: str, image: str, root: Element, sets: dict[str, SetName]
) -> RawImage:
    stated = (_number(root, "size/height"), _number(root, "size/width"))
    whole = all(1 <= side < LARGEST_SIDE for side in stated)
    found = RawImage(
        name=image,
        path=files.root / image,
        set=sets.get(stem(image)) if sets else set_of(image) or set_of(name),
        source=name,
        stated=(int(stated[0]), int(stated[1])) if whole else None,
    )
    for one in root.iterfind("object"):
        x1, y1, x2, y2 = (_number(one, f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax"))
        # first and last pixel, counted from 1, become edges; but a click is no pixel
        first = 0 if x1 == x2 or y1 == y2 else 1
        found.add(
            (x1 - min(x1 >= 1, first), y1 - min(y1 >= 1, first), x2, y2),
            (one.findtext("name") or "").strip(),
            difficult=(one.findtext("difficult") or "").strip() in {"1", "true", "True"},
        )
    return found


def _add_unannotated(raw: RawSet, files: Files, known: set[str]) -> None:
    """Report the images without annotations; masks of segmentations are none."""
    counts = Counter(folder_of(image) for image in known)
    for image in files.images:
        if image not in known and counts[folder_of(image)]:
            reason = "it has no annotation; write one, also for an image without objects"
            raw.skip(shown(image), reason)
            raw.find("no_annotation", shown(image), "no XML file has its name")


def _image_sets(files: Files) -> dict[str, SetName]:
    """Stem of an image -> its set, from ImageSets/Main; train and val win over trainval."""
    found: dict[str, SetName] = {}
    lists = [
        name
        for name in files.ending(".txt")
        if "imagesets" in name.lower() and "_" not in stem(name)  # aeroplane_train.txt: one class
    ]
    for name in sorted(lists, key=lambda one: "trainval" not in one):
        if (given := set_named(stem(name))) is None:
            continue
        for line in read_text(files.root / name, _LIST_BYTES).splitlines():
            if words := line.split():
                named = words[0].lower().endswith(tuple(EXTENSIONS))
                found[stem(words[0]) if named else words[0]] = given
    return found


def _number(element: Element, path: str) -> float:
    """A number in the text of an element; NaN where there is none, which `clean` reports."""
    try:
        return float(element.findtext(path) or "nan")
    except ValueError:
        return math.nan
