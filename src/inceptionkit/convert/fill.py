"""A network of ours filled with what another program wrote. No torch.

Which network it is, how many classes it has and which exits, is read off names and shapes. Our
names come from the walk, theirs from ours by rewrite rules: no list of tensors stands anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.catalog import architecture
from inceptionkit.convert.converted import Adopted
from inceptionkit.convert.rename import Rules, key_map, rename
from inceptionkit.derive import Shape, tensors
from inceptionkit.errors import WeightsError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Conv, Net, Step, classifiers, steps, with_classes

Tensors: TypeAlias = Mapping[str, NDArray[Any]]

WITH_BACKGROUND = 1001  # outputs of TensorFlow's ImageNet networks; the first is for no class


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A network of the catalog as another program writes it down.

    Attributes:
        name: in the catalog, with the dialect.
        rules: from our names to theirs.
        preprocessing: what that program does to an image.
        colour: the order in which the network was trained to see the channels.
    """

    name: str
    rules: Rules
    preprocessing: Preprocessing
    colour: Literal["RGB", "BGR"] = "RGB"


def adopt(found: Tensors, published: Sequence[Published], *, where: str) -> Adopted:
    """Fill the one network among `published` whose names `found` has.

    Args:
        found: their names -> arrays, in our layout: (out, in, height, width) and (out, in).
        published: the networks that it may be.
        where: the file, for errors.

    Returns:
        The network with the classes and exits that `found` has. If it was trained on BGR its first
        kernels are reversed, so that it takes RGB as every network here.

    Raises:
        WeightsError: it is none of them; or tensors are missing, unknown or misshapen, which are
            named. Nothing is filled in part.
    """
    theirs = recognise(found, published, where=where)
    net = as_written(theirs, found)
    needed = dict(tensors(net))
    shaped = dict(found)
    for ours, shape in needed.items():
        name = rename(ours, theirs.rules)
        if name in found:
            shaped[name] = fitted(found[name], shape)
    try:
        plan = key_map(net, {name: value.shape for name, value in shaped.items()}, theirs.rules)
    except WeightsError as error:
        msg = f"{where}: {error}; give the file of an unchanged network"
        raise WeightsError(msg) from error
    arrays = {ours: shaped[plan[ours]] for ours in needed}
    if theirs.colour == "BGR":
        first = f"{first_convolution(net).at}.conv.weight"
        arrays[first] = arrays[first][:, ::-1]
    return Adopted(
        net=net,
        tensors={k: np.ascontiguousarray(v, dtype=np.float32) for k, v in arrays.items()},
        preprocessing=theirs.preprocessing,
    )


def recognise(found: Tensors, published: Sequence[Published], *, where: str) -> Published:
    """The network whose names, less those of its exits, `found` has most of and lacks fewest of.

    Raises:
        WeightsError: `found` has no name of any of them.
    """

    def shared(one: Published) -> tuple[int, int]:
        names = {rename(ours, one.rules) for ours, _ in tensors(without_exits(one.name))}
        common = len(names & found.keys())
        return common, 2 * common - len(names)

    best = max(published, key=lambda one: shared(one)[1])
    if not any(shared(one)[0] for one in published):
        shown = ", ".join(sorted(found)[:3])
        known = ", ".join(one.name for one in published)
        msg = f"{where}: its tensors ({shown}, ...) are those of none of {known}; give another file"
        raise WeightsError(msg)
    return best


def without_exits(name: str) -> Net:
    """A network of the catalog, for what all its variants share."""
    return replace(architecture(name), exits=())


def as_written(theirs: Published, found: Tensors) -> Net:
    """The network with as many classes as its head has in `found`, and the exits that are there."""
    net = architecture(theirs.name)
    named = {rename(ours, theirs.rules): ours for ours, _ in tensors(net)}
    present = {named[name] for name in found.keys() & named.keys()}
    exits = tuple(
        e for e in net.exits if any(name.startswith(f"exits.{e.name}.") for name in present)
    )
    net = replace(net, exits=exits)
    weights = (
        found[rename(ours, theirs.rules)]
        for ours in classifier_tensors(net)
        if ours.startswith("head.") and ours.endswith(".weight") and ours in present
    )
    classes = next((len(value) for value in weights if value.ndim), 0)
    return with_classes(net, classes) if classes > 1 else net


def without_background(adopted: Adopted) -> Adopted:
    """The same network without its first output, if it has 1001; else as it is."""
    names = classifier_tensors(adopted.net)
    if any(len(adopted.tensors[name]) != WITH_BACKGROUND for name in names):
        return adopted
    kept = {name: np.ascontiguousarray(adopted.tensors[name][1:]) for name in names}
    net = with_classes(adopted.net, WITH_BACKGROUND - 1)
    return replace(adopted, net=net, tensors={**adopted.tensors, **kept}, background=True)


def classifier_tensors(net: Net) -> list[str]:
    """Names of the tensors of every classifier of `net`: those whose first axis is the classes."""
    at = classifiers(net)
    return [name for name, _ in tensors(net) if name.rsplit(".", 2)[0] in at]


def first_convolution(net: Net) -> Step:
    """The operator that sees the colours."""
    return next(step for step in steps(net) if isinstance(step.op, Conv))


def fitted(value: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """`value` as a convolution if it is linear and `shape` is a convolution's, or the reverse.

    A linear layer on a grid is a convolution as large as the grid, and lists its weights in the
    same order: out, channels, height, width. What differs in more than that is returned as it is.
    """

    def flat(sizes: Shape) -> Shape:
        return (*sizes[:1], math.prod(sizes[1:]))

    linear = 2 in (value.ndim, len(shape))
    return value.reshape(shape) if linear and flat(value.shape) == flat(shape) else value
