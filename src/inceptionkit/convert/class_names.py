"""Names of classes: ImageNet's, those that a user gives, and numbers where nobody knows better."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path

from inceptionkit.errors import WeightsError

IMAGENET = 1000  # classes of the challenge


@cache
def imagenet() -> tuple[str, ...]:
    """Name the classes of ImageNet's challenge, in the order in which networks number them."""
    return tuple(line.partition(" ")[2] for line in imagenet_lines())


@cache
def imagenet_ids() -> tuple[str, ...]:
    """Give the WordNet ids of the same classes, in the same order."""
    return tuple(line.partition(" ")[0] for line in imagenet_lines())


def imagenet_lines() -> list[str]:
    """Read what ships with the package; see `imagenet/ORIGIN.md`."""
    place = files("inceptionkit.convert").joinpath("imagenet", "classes.txt")
    return place.read_text("utf-8").splitlines()


def numbered(count: int) -> tuple[str, ...]:
    """Number classes of which nothing is known.

    >>> numbered(2)
    ('class_0000', 'class_0001')
    """
    return tuple(f"class_{i:04d}" for i in range(count))


def read_names(path: Path) -> tuple[str, ...]:
    """Read a user's names: a line each or, from a .json file, a list.

    Raises:
        WeightsError: the file cannot be read, is no such list, or names two classes alike.
    """
    try:
        text = path.read_text("utf-8-sig")
        names = json.loads(text) if path.suffix == ".json" else text.splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"{path}: class names cannot be read ({reason}); give text, a name on each line"
        raise WeightsError(msg) from error
    if not isinstance(names, list) or not all(isinstance(n, str) and n.strip() for n in names):
        msg = f"{path}: must list a name for each class, none empty, in the order of the outputs"
        raise WeightsError(msg)
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        msg = f"{path}: names two classes {twice!r}; give each its own name"
        raise WeightsError(msg)
    return tuple(name.strip() for name in names)
