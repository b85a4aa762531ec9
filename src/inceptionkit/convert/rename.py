"""Another program's tensors as a network of ours: which network it is, and which tensor is which.

Network, classes and exits are read off names and shapes. Our names come from the walk, theirs from
ours by rewrite rules: no list of tensors stands anywhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.catalog import architecture
from inceptionkit.errors import WeightsError
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Conv, Net, Shape, classifiers, steps, tensors, with_classes

Rules: TypeAlias = tuple[tuple[str, str], ...]  # pattern, replacement; applied in order
Tensors: TypeAlias = Mapping[str, NDArray[Any]]

_BATCH_COUNTER = "num_batches_tracked"  # torch's own, of batch norm; weighs nothing in evaluation
_MISFITS_SHOWN = 8  # an error lists so many before it says how many more there are
_WITH_BACKGROUND = 1001  # outputs of TensorFlow's ImageNet networks; the first is for no class


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCheckpoint:
    """A network of the catalog as another program writes it down.

    Attributes:
        name: in the catalog, with the dialect.
        rules: from our names to theirs.
        preprocessing: what that program does to an image.
        color: the order in which the network was trained to see the channels.
    """

    name: str
    rules: Rules
    preprocessing: Preprocessing
    color: Literal["RGB", "BGR"] = "RGB"

    def names(self) -> set[str]:
        """Their names of all tensors but those of exits, which may be missing from a file."""
        net = replace(architecture(self.name), exits=())
        return {rename(ours, self.rules) for ours, _ in tensors(net)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedWeights:
    """A network of ours that another program's tensors fill.

    Attributes:
        net: the architecture, with the classes and exits that the file has.
        tensors: our names -> float32 arrays in our layout, exactly those of `net`.
        preprocessing: what that program does to an image.
        background: whether its first output stood for none of the classes, and was left out.
    """

    net: Net
    tensors: Tensors
    preprocessing: Preprocessing
    background: bool = False


def rename(key: str, rules: Rules) -> str:
    r"""Apply every rule, in order.

    >>> rename("trunk.conv1.conv.weight", ((r"^trunk\.", ""), (r"\.conv\.", ".")))
    'conv1.weight'
    """
    for pattern, into in rules:
        key = re.sub(pattern, into, key)
    return key


def key_map(net: Net, theirs: Mapping[str, Shape], rules: Rules) -> dict[str, str]:
    """Say which of their tensors is which of ours.

    Args:
        net: the architecture; with exits if theirs has them, without if not.
        theirs: name -> shape of every tensor they have. Batch norm's counters are skipped.
        rules: from our names to theirs.

    Returns:
        Our name -> their name, one to one.

    Raises:
        WeightsError: tensors are missing, unknown or of another shape; they are named.
    """
    needed = dict(tensors(net))
    plan = {ours: rename(ours, rules) for ours in needed}
    misfits = [
        f"{plan[ours]}: got {theirs.get(plan[ours], 'nothing')}, {net.name} needs {shape}"
        for ours, shape in needed.items()
        if theirs.get(plan[ours]) != shape
    ]
    known = set(plan.values())
    misfits += [
        f"{name}: not in {net.name}"
        for name in theirs
        if name not in known and not name.endswith(_BATCH_COUNTER)
    ]
    if misfits:
        shown = "; ".join(sorted(misfits)[:_MISFITS_SHOWN])
        more = f" and {len(misfits) - _MISFITS_SHOWN} more" if len(misfits) > _MISFITS_SHOWN else ""
        msg = f"{len(misfits)} tensors do not fit {net.name}: {shown}{more}"
        raise WeightsError(msg)
    return plan


def fill_network(
    theirs: Tensors, candidates: Sequence[KnownCheckpoint], *, where: str
) -> ConvertedWeights:
    """Fill the one network among `candidates` whose names `theirs` has.

    Args:
        theirs: their names -> arrays, in our layout: (out, in, height, width) and (out, in).
        candidates: the networks that it may be.
        where: the file, for errors.

    Returns:
        The network with the classes and exits that `theirs` has. If it was trained on BGR its first
        kernels are reversed, so that it takes RGB as every network here.

    Raises:
        WeightsError: it is none of them; or tensors are missing, unknown or misshapen, which are
            named. Nothing is filled in part.
    """
    checkpoint = _recognize(theirs, candidates, where=where)
    net = _as_written(checkpoint, theirs)
    needed = dict(tensors(net))
    shaped = dict(theirs)
    for ours, shape in needed.items():
        name = rename(ours, checkpoint.rules)
        if name in theirs:
            shaped[name] = _fitted(theirs[name], shape)
    shapes = {name: value.shape for name, value in shaped.items()}
    try:
        plan = key_map(net, shapes, checkpoint.rules)
    except WeightsError as error:
        msg = f"{where}: {error}; give the file of an unchanged network"
        raise WeightsError(msg) from error
    arrays = {ours: shaped[plan[ours]] for ours in needed}
    if checkpoint.color == "BGR":
        first = next(step.at for step in steps(net) if isinstance(step.op, Conv))
        arrays[f"{first}.conv.weight"] = arrays[f"{first}.conv.weight"][:, ::-1]
    return ConvertedWeights(
        net=net,
        tensors={k: np.ascontiguousarray(v, dtype=np.float32) for k, v in arrays.items()},
        preprocessing=checkpoint.preprocessing,
    )


def _recognize(
    theirs: Tensors, candidates: Sequence[KnownCheckpoint], *, where: str
) -> KnownCheckpoint:
    """The network whose names, without exits, `theirs` has most of and lacks fewest of."""

    def score(checkpoint: KnownCheckpoint) -> int:
        names = checkpoint.names()
        return 2 * len(names & theirs.keys()) - len(names)

    if not any(checkpoint.names() & theirs.keys() for checkpoint in candidates):
        shown = ", ".join(sorted(theirs)[:3])
        known = ", ".join(checkpoint.name for checkpoint in candidates)
        msg = f"{where}: its tensors ({shown}, ...) are those of none of {known}; give another file"
        raise WeightsError(msg)
    return max(candidates, key=score)


def _as_written(checkpoint: KnownCheckpoint, theirs: Tensors) -> Net:
    """The network with the classes of its head in `theirs`, and the exits that are there."""
    net = architecture(checkpoint.name)
    named = {rename(ours, checkpoint.rules): ours for ours, _ in tensors(net)}
    present = {named[name] for name in theirs.keys() & named.keys()}
    exits = tuple(
        e for e in net.exits if any(name.startswith(f"exits.{e.name}.") for name in present)
    )
    net = replace(net, exits=exits)
    weights = (
        theirs[rename(ours, checkpoint.rules)]
        for ours in _classifier_tensors(net)
        if ours.startswith("head.") and ours.endswith(".weight") and ours in present
    )
    classes = next((len(value) for value in weights if value.ndim), 0)
    return with_classes(net, classes) if classes > 1 else net


def without_background(converted: ConvertedWeights) -> ConvertedWeights:
    """The same network without its first output, if it has 1001; unchanged otherwise."""
    names = _classifier_tensors(converted.net)
    if any(len(converted.tensors[name]) != _WITH_BACKGROUND for name in names):
        return converted
    kept = {name: np.ascontiguousarray(converted.tensors[name][1:]) for name in names}
    net = with_classes(converted.net, _WITH_BACKGROUND - 1)
    return replace(converted, net=net, tensors={**converted.tensors, **kept}, background=True)


def _classifier_tensors(net: Net) -> list[str]:
    """Names of the tensors of every classifier of `net`: those whose first axis is the classes."""
    at = classifiers(net)
    return [name for name, _ in tensors(net) if name.rsplit(".", 2)[0] in at]


def _fitted(value: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """`value` as a convolution if it is linear and `shape` is a convolution's, or the reverse.

    A linear layer on a grid is a convolution as large as the grid, and lists its weights in the
    same order: out, channels, height, width. What differs in more than that is returned as it is.
    """

    def flat(sizes: Shape) -> Shape:
        return (*sizes[:1], math.prod(sizes[1:]))

    linear = 2 in (value.ndim, len(shape))
    return value.reshape(shape) if linear and flat(value.shape) == flat(shape) else value
