"""Opening annotated images, whatever their annotations are written in."""

from __future__ import annotations

from pathlib import Path

from inceptionkit.data import checks
from inceptionkit.detection.sources import coco, table, voc, yolo, yolo_config
from inceptionkit.detection.sources.clean import clean
from inceptionkit.detection.sources.files import Files
from inceptionkit.detection.sources.raw import RawSet
from inceptionkit.detection.types import DetectionSet

KINDS = (
    "a folder in the layout of Pascal VOC, COCO or YOLO, or a COCO .json, YOLO data.yaml or "
    "Darknet .data file, or a .csv of boxes"
)


def open_detection(address: str | Path) -> DetectionSet:
    """Open annotated images. Nothing is written, and no pixel is decoded.

    Args:
        address: a folder with Pascal VOC's XML files (ImageSets/Main or folders name the sets),
            with COCO's JSON files, with a YOLO data.yaml, or with text labels beside images or in
            labels/; or a .json, .yaml, Darknet .data or .csv file by itself, whose images lie below
            its folder, or below the folder above; those of a .yaml or .data file anywhere.

    Raises:
        DataError: nothing is there, the layout is not clear, a file cannot be read, or no object
            can be used.
    """
    path = Path(address).expanduser()
    checks.require_exists(path, str(address))
    whole = path.is_dir()
    raw = _of_folder(address, path) if whole else _of_file(address, path)
    # a single file may be of one set, and a YOLO configuration chooses among the images
    raw.unlisted(each=whole and raw.layout != "yolo")
    return clean(str(address), raw)


def _of_file(address: str | Path, path: Path) -> RawSet:
    """A single file of annotations, and the images below its folder or the one above."""
    ending = path.suffix.lower()
    if ending not in {".json", ".yaml", ".yml", ".data", ".csv", ".tsv"}:
        wrong = "it is no file of annotations that is known"
        raise checks.data_error(str(address), wrong, f"give {KINDS}")
    files = Files(path.parent)
    name = path.name
    if not files.images and ending in {".json", ".csv", ".tsv"}:
        files = Files(path.absolute().parent.parent)
        name = f"{path.absolute().parent.name}/{path.name}"
    if ending == ".json":
        return coco.read_coco(files, [name])
    if ending in {".csv", ".tsv"}:
        return table.read_table(files, [name])
    return yolo.read_yolo(files, name, elsewhere=True)


def _of_folder(address: str | Path, path: Path) -> RawSet:
    """The one layout of a folder.

    Raises:
        DataError: there is none, or there are several.
    """
    files = Files(path)
    config = yolo_config.configuration(files)
    jsons = coco.candidates(files)
    tables = [name for name in files.ending(".csv", ".tsv") if table.is_box_table(files, name)]
    found = {
        "Pascal VOC": bool(files.ending(".xml")),
        "COCO": bool(jsons),
        "YOLO": config is not None or bool(yolo.label_files(files)),
        "a table": bool(tables),
    }
    names = [name for name, there in found.items() if there]
    if len(names) > 1:
        wrong = f"it has annotations of several kinds: {', '.join(names)}"
        advice = "give the .json, .yaml or .csv file that counts, or remove the others"
        raise checks.data_error(str(address), wrong, advice)
    match names:
        case ["Pascal VOC"]:
            return voc.read_voc(files)
        case ["COCO"]:
            return coco.read_coco(files, jsons)
        case ["YOLO"]:
            return yolo.read_yolo(files, config)
        case ["a table"]:
            return table.read_table(files, tables)
        case _:
            wrong = "it contains no annotations" if files.images else "it contains no images"
            raise checks.data_error(str(address), wrong, f"give {KINDS}")
