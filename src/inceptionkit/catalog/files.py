"""An architecture by name, or from a file that `inceptionkit design` or a run wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from inceptionkit.catalog import architecture
from inceptionkit.errors import SpecError
from inceptionkit.spec import Net, from_json, with_classes, with_input, with_pooled_exits

COMPACT_SIDE = 128  # pixels; up to here the compact network is the default family
SUFFIX = ".json"
LARGEST_FILE = 16 * 2**20  # bytes; Inception-v3 takes 0.1 MiB


def find(
    name: str,
    *,
    classes: int | None = None,
    side: int | None = None,
    pooled_exits: bool = False,
) -> Net:
    """Look up an architecture.

    Args:
        name: of the catalog, or path of an architecture file, which ends in .json: what `design`
            writes, or the run.json of a run.
        classes: outputs of every classifier; the architecture's own if None.
        side: of the square input, in pixels; the architecture's own if None. An exit that does not
            fit a small input is left out.
        pooled_exits: whether exits average over the whole grid, so that any input serves.

    Raises:
        UnknownNameError: no such architecture or dialect.
        SpecError: the file is none, or the network does not fit the input.
    """
    if not name.endswith(SUFFIX):
        exits: Literal["pooled", "published"] = "pooled" if pooled_exits else "published"
        return architecture(name, classes=classes, input=side, exits=exits)
    net = read(Path(name))
    if pooled_exits:
        net = with_pooled_exits(net)
    if side is not None and net.image[1:] != (side, side):
        net = with_input(net, side)
    return net if classes is None else with_classes(net, classes)


def family_member(name: str | None, side: int) -> Net:
    """The network to scale: with the stem it has for such images, else its own.

    Args:
        name: of the architecture; chosen by `side` if None.
        side: of the square input, pixels.
    """
    name = name or ("compact" if side <= COMPACT_SIDE else "googlenet:bn")
    own = find(name)
    try:
        resized = find(name, side=side)
    except SpecError:  # too small for its stem: others are tried
        return own
    return own if resized.trunk == own.trunk else resized


def read(path: Path) -> Net:
    """Read an architecture file, or the architecture in what a run or a model says of itself.

    Raises:
        SpecError: it is missing, too large, no JSON, or no architecture; the place is named.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); `inceptionkit design` writes such files"
        raise SpecError(msg) from error
    if len(text) > LARGEST_FILE:
        msg = f"{path}: larger than {LARGEST_FILE >> 20} MiB, so no architecture file"
        raise SpecError(msg)
    try:
        return from_json(_within(json.loads(text)))
    except SpecError as error:
        msg = f"{path}: {error}"
        raise SpecError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path}: is no architecture file ({type(error).__name__}); it must be JSON as "
        raise SpecError(msg + "`inceptionkit design` writes it") from error


def _within(data: Any) -> Any:  # noqa: ANN401 - JSON
    """The architecture that a run.json or model.json holds; other data as it is."""
    return data.get("architecture", data) if isinstance(data, dict) else data
