"""The same annotated images in the layouts of Pascal VOC, COCO, YOLO and tables."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("disc", "square")
SETS = ("train", "val", "test")
SIZE = (48, 64)

Objects = list[tuple[str, tuple[int, int, int, int]]]  # class; x1, y1, x2, y2 as edges


def draw(seed: int, count: int = 2) -> tuple[Image.Image, Objects]:
    """A grey image of 64x48 with red discs and blue squares."""
    rng = np.random.default_rng(seed)
    height, width = SIZE
    pixels = np.full((height, width, 3), 190, np.uint8) + rng.integers(0, 9, (height, width, 1))
    pixels = pixels.astype(np.uint8)
    rows, columns = np.mgrid[:height, :width]
    objects: Objects = []
    for number in range(count):
        side = int(rng.integers(14, 20))
        x = int(rng.integers(0, width // 2 - side)) + number % 2 * width // 2
        y = int(rng.integers(0, height - side))
        kind = CLASSES[int(rng.integers(0, 2))]
        inside = (rows >= y) & (rows < y + side) & (columns >= x) & (columns < x + side)
        if kind == "disc":
            middle = (side - 1) / 2
            inside &= (rows - y - middle) ** 2 + (columns - x - middle) ** 2 <= (side / 2) ** 2
        pixels[inside] = (210, 30, 30) if kind == "disc" else (30, 60, 210)
        objects.append((kind, (x, y, x + side, y + side)))
    return Image.fromarray(pixels), objects


def images(count: int = 6) -> list[tuple[str, str, Image.Image, Objects]]:
    """Name, set, image and objects; one image in seven has no objects."""
    found = []
    for number in range(count):
        image, objects = draw(number, 0 if number % 7 == 6 else 2)
        found.append((f"{number:03d}", SETS[number % 3], image, objects))
    return found


def voc_xml(name: str, objects: Objects, size: tuple[int, int] = SIZE, more: str = "") -> str:
    """An annotation as VOC's tools write it: first and last pixel, counted from 1."""
    parts = "".join(
        f"<object><name>{kind}</name><difficult>0</difficult><bndbox><xmin>{x1 + 1}</xmin>"
        f"<ymin>{y1 + 1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for kind, (x1, y1, x2, y2) in objects
    )
    return (
        f"<annotation><filename>{name}</filename><size><width>{size[1]}</width>"
        f"<height>{size[0]}</height><depth>3</depth></size>{parts}{more}</annotation>"
    )


def write_voc(root: Path, count: int = 6) -> Path:
    """VOC with ImageSets."""
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    lists: dict[str, list[str]] = {name: [] for name in SETS}
    for name, given, image, objects in images(count):
        image.save(root / "JPEGImages" / f"{name}.png")
        (root / "Annotations" / f"{name}.xml").write_text(voc_xml(f"{name}.png", objects))
        lists[given].append(name)
    for given, names in lists.items():
        (root / "ImageSets" / "Main" / f"{given}.txt").write_text("\n".join(names) + "\n")
    return root


def write_coco(root: Path, count: int = 6) -> Path:
    """COCO: a file for each set under annotations/, images in folders of the sets."""
    (root / "annotations").mkdir(parents=True)
    for given in SETS:
        (root / f"{given}2017").mkdir()
        rows, annotations = [], []
        for number, (name, own, image, objects) in enumerate(images(count)):
            if own != given:
                continue
            image.save(root / f"{given}2017" / f"{name}.png")
            rows.append({"id": number, "file_name": f"{name}.png", "height": 48, "width": 64})
            for kind, (x1, y1, x2, y2) in objects:
                annotations.append({
                    "id": len(annotations), "image_id": number, "iscrowd": 0,
                    "category_id": 10 + CLASSES.index(kind), "bbox": [x1, y1, x2 - x1, y2 - y1],
                })  # fmt: skip
        categories = [{"id": 10 + at, "name": name} for at, name in enumerate(CLASSES)]
        content = {"images": rows, "annotations": annotations, "categories": categories}
        path = root / "annotations" / f"instances_{given}2017.json"
        path.write_text(json.dumps(content))
    return root


def write_yolo(root: Path, count: int = 6) -> Path:
    """YOLO as Ultralytics lays it out; images without objects have no labels."""
    for name, given, image, objects in images(count):
        for folder in ("images", "labels"):
            (root / folder / given).mkdir(parents=True, exist_ok=True)
        image.save(root / "images" / given / f"{name}.png")
        lines = [
            f"{CLASSES.index(kind)} {(x1 + x2) / 128} {(y1 + y2) / 96} {(x2 - x1) / 64} "
            f"{(y2 - y1) / 48}"
            for kind, (x1, y1, x2, y2) in objects
        ]
        if lines:
            (root / "labels" / given / f"{name}.txt").write_text("\n".join(lines) + "\n")
    (root / "data.yaml").write_text(
        "path: .\ntrain: images/train\nval: images/val\ntest: images/test\n"
        f"nc: 2\nnames: [{', '.join(CLASSES)}]\n"
    )
    return root


def write_table(root: Path, count: int = 6) -> Path:
    """A table of boxes with a column for the set."""
    (root / "photos").mkdir(parents=True)
    with (root / "boxes.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(
            ["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax", "set"]
        )
        for name, given, image, objects in images(count):
            image.save(root / "photos" / f"{name}.png")
            if not objects:
                out.writerow([f"photos/{name}.png", 64, 48, "", "", "", "", "", given])
            for kind, box in objects:
                out.writerow([f"photos/{name}.png", 64, 48, kind, *box, given])
    return root


WRITERS = {"voc": write_voc, "coco": write_coco, "yolo": write_yolo, "csv": write_table}
