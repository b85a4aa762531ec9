"""COCO: one JSON file per set, with images, annotations and categories.

Sources:
    Lin et al., "Microsoft COCO: Common Objects in Context", 2014; https://cocodataset.org/#format-data
"""

from __future__ import annotations

import json
import math
from typing import Any

from inceptionkit.data import checks
from inceptionkit.data.set_names import set_named, words_of
from inceptionkit.data.types import SetName
from inceptionkit.detection.sources.files import (
    Files,
    folder_of,
    read_head,
    read_text,
    set_of,
    shown,
    stem,
)
from inceptionkit.detection.sources.raw import LARGEST_SIDE, RawImage, RawSet
from inceptionkit.errors import DataError

BYTES = 2**30
"""Most bytes of a file: 1 GiB; COCO's own train set has 450 MB."""

_ADVICE = "give a file of COCO's instances"
_HEAD = 4096
_KEYS = ("images", "annotations", "categories")
_BESIDE = ("captions_", "person_keypoints_", "panoptic_", "stuff_", "image_info_")


def candidates(files: Files) -> list[str]:
    """The JSON files below a folder that may hold COCO's annotations."""
    return [name for name in files.ending(".json") if is_coco(files, name)]


def is_coco(files: Files, name: str) -> bool:
    """Whether a JSON file begins like one of COCO's; of a large one the first bytes decide."""
    head = read_head(files.root / name, _HEAD)
    return head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") and any(
        f'"{key}"'.encode() in head for key in (*_KEYS, "info", "licenses")
    )


def read_coco(files: Files, names: list[str]) -> RawSet:
    """Read the files of annotations below a folder.

    Of COCO's own files those of instances are read; captions, key points and other files about the
    same images are left out, with a note.

    Raises:
        DataError: a file is no JSON, has NaN, or lacks what COCO's have; no file has boxes.
    """
    raw = RawSet("coco", files)
    classes: dict[str, None] = {}
    parents = set[str]()
    chosen = _instances(names)
    left_out = sorted(set(names) - set(chosen))
    for name in chosen:
        where = str(files.root / name)
        content = _json(where, read_text(files.root / name, BYTES))
        if _is_beside(content) and len(left_out) < len(names) - 1:
            left_out.append(name)
            continue
        _require_lists(where, content)
        categories = _categories(where, content["categories"])
        classes.update(dict.fromkeys(categories.values()))
        parents |= _parents(content["categories"])
        _read_file(raw, name, content, categories)
    used = {label for image in raw.images for label in image.labels}
    # Roboflow writes the name of the project as the first category, the parent of all others
    raw.classes = tuple(one for one in classes if one in used or one not in parents)
    if above := [one for one in classes if one in parents - used]:
        raw.notes.append(f"no classes, but categories above others: {checks.quoted(above)}")
    if left_out:
        raw.notes.append(f"left out, as no files of instances: {checks.quoted(left_out)}")
    return raw


def _instances(names: list[str]) -> list[str]:
    """The files to read: in a folder of COCO's own those of instances."""
    own = {folder_of(name) for name in names if stem(name).startswith("instances_")}
    return sorted(
        name for name in names if folder_of(name) not in own or not stem(name).startswith(_BESIDE)
    )


def _is_beside(content: dict[str, Any]) -> bool:
    """Whether a file lacks annotations or categories, and is whole in what it has."""
    there = [content[key] for key in _KEYS if key in content]
    return len(there) < len(_KEYS) and all(isinstance(one, list) for one in there)


def _json(where: str, text: str) -> dict[str, Any]:
    def refuse(word: str) -> float:
        raise checks.data_error(where, f"it contains {word}", "write numbers, which JSON knows")

    try:
        content = json.loads(text, parse_constant=refuse)
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        raise checks.data_error(where, f"it is no JSON ({error})", "export it again") from error
    if not isinstance(content, dict):
        raise checks.data_error(where, "it holds no keys", _ADVICE)
    return content


def _require_lists(where: str, content: dict[str, Any]) -> None:
    if not all(isinstance(content.get(key), list) for key in _KEYS):
        raise checks.data_error(where, f"it lacks the lists {', '.join(_KEYS)}", _ADVICE)


def _categories(where: str, rows: list[Any]) -> dict[object, str]:
    found: dict[object, str] = {}
    for row in rows:
        match row:
            case {"id": int(number), "name": str(name)}:
                if number in found and found[number] != name:
                    wrong = f"two categories have the id {number}: {found[number]!r} and {name!r}"
                    raise checks.data_error(where, wrong, "give each its own")
                found[number] = name.strip()
            case _:
                wrong = f"a category has no id and name: {str(row)[:80]}"
                raise checks.data_error(where, wrong, "export it again")
    return found


def _parents(rows: list[Any]) -> set[str]:
    """The categories that another category names as the one above it."""
    pairs = [(row["name"].strip(), str(row.get("supercategory", "")).strip()) for row in rows]
    return {above for name, above in pairs if above != name}


def _read_file(
    raw: RawSet, name: str, content: dict[str, Any], categories: dict[object, str]
) -> None:
    given = _set_of_file(name)
    images: dict[object, RawImage | None] = {}  # None where the image is missing
    for row in content["images"]:
        match row:
            case {"id": int() | str() as key, "file_name": str(file_name)}:
                path = raw.files.find_image(file_name, _images_near(name))
            case _:
                raw.find("malformed", shown(name), f"an image without id or file_name: {_cut(row)}")
                continue
        if key in images:
            raw.find("malformed", shown(name), f"two images have the id {key!r}")
        elif path is None:
            raw.missing(file_name, name)
            images[key] = None
        else:
            images[key] = image = raw.image(path, name, given or set_of(path))
            stated = (row.get("height"), row.get("width"))
            if image.stated is None and _sides(stated):
                image.stated = (int(stated[0]), int(stated[1]))
    for row in content["annotations"]:
        _add(raw, name, row, images, categories)


def _add(
    raw: RawSet,
    name: str,
    row: Any,  # noqa: ANN401 - JSON
    images: dict[object, RawImage | None],
    categories: dict[object, str],
) -> None:
    match row:
        case {"image_id": int() | str() as key, "category_id": kind, "bbox": [x, y, w, h]}:
            numbers = [_number(v) for v in (x, y, w, h)]
        case _:
            raw.find("malformed", shown(name), f"an annotation without box: {_cut(row)}")
            return
    if key not in images:
        raw.find("no_image", shown(name), f"an annotation of image {key!r}, which is not listed")
    if (image := images.get(key)) is None:
        return
    label = categories.get(kind if isinstance(kind, int) else None)
    x, y, w, h = numbers
    image.add(
        (x, y, x + w, y + h),
        f"category {kind}" if label is None else label,
        difficult=bool(row.get("iscrowd", 0) or row.get("ignore", 0)),
        area=_number(row.get("area")),
    )


def _images_near(name: str) -> str:
    """Where images probably are: train2017/ for annotations/instances_train2017.json."""
    words = stem(name).split("_")
    parent = folder_of(folder_of(name)) if folder_of(name) else ""
    if len(words) > 1 and words[0] in {"instances", "person"}:
        return "/".join(filter(None, [parent, words[-1]]))
    return folder_of(name)


def _set_of_file(name: str) -> SetName | None:
    words = words_of(stem(name))
    rest = [word for word in words if word not in {"instances", "annotations", "coco"}]
    return set_named(" ".join(rest)) or set_of(name)


def _sides(stated: tuple[object, object]) -> bool:
    return all(isinstance(side, int) and 0 < side < LARGEST_SIDE for side in stated)


def _number(value: object) -> float:
    """A number; NaN for what is none, or is too large for a float, which `clean` reports."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e18 else math.nan


def _cut(row: object) -> str:
    return ascii(row)[:80]
