"""Keras' InceptionV3 as ours. No torch, and no Keras.

Keras names a layer after its kind and a number. In `.h5` files the number counts layers in the
order in which the program made them, from wherever the session stood; in `.weights.h5` and `.keras`
it counts them in the order of the model's list, which is sorted by the distance from the output.
Both orders follow from the walk. Keras 2 wrote the second kind with another folder, on Windows with
a backslash, and counted every layer twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from inceptionkit.catalog import architecture
from inceptionkit.convert.rename import (
    ConvertedWeights,
    KnownCheckpoint,
    Rules,
    Tensors,
    fill_network,
)
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Block, Conv, Step, blocks

NAME = "inception_v3:keras"

_KERAS_2 = "_layer_checkpoint_dependencies"  # the folder
_LISTED = re.compile(
    rf"^(?:layers|{_KERAS_2})[/\\]([a-z0-9_]+?)(?:_(\d+))?/vars/(\d)$"
)  # kind, number, variable
_CALLED = re.compile(r"^(?:model_weights/)?([a-z0-9_]+?)(?:_(\d+))?/(?:.*/)?(\w+?)(?::0)?$")
_STATE = re.compile(r"^(optimizer|optimizer_weights|vars)/")  # of the training
_KINDS: Mapping[str, str] = MappingProxyType({"predictions": "dense"})  # name -> kind
_VARIABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "conv2d": ("kernel",),
        "batch_normalization": ("beta", "moving_mean", "moving_variance"),  # there is no gamma
        "dense": ("kernel", "bias"),
    }
)  # kind of layer -> its variables, in the order in which lists number them
_SUFFIXES: Rules = (
    (r"^head\.1\.fc\.weight", "dense_0/kernel"),
    (r"^head\.1\.fc\.bias", "dense_0/bias"),
    (r"/running_mean$", "/moving_mean"),
    (r"/running_var$", "/moving_variance"),
    (r"(batch_normalization_\d+)/bias$", r"\1/beta"),
)

# `preprocess_input` takes pixels to -1 .. 1; Keras' examples take the whole image, without a crop
PREPROCESSING = Preprocessing(size=299)


def convert(tensors: Tensors, *, where: str) -> ConvertedWeights:
    """Keras' `InceptionV3` with its top, of any number of classes.

    Args:
        tensors: as `formats.keras.read` gives them.
        where: the file, for errors.

    Raises:
        WeightsError: it is another network; or tensors are missing, unknown or misshapen, which are
            named by kind of layer and number.
    """
    weights = {name: value for name, value in tensors.items() if not _STATE.match(name)}
    in_list = any(_LISTED.match(name) for name in weights)
    layers_in_file = {_canonical(name): value for name, value in weights.items()}
    keras = KnownCheckpoint(
        name=NAME, rules=rules(layers_in_file, in_list=in_list), preprocessing=PREPROCESSING
    )
    ours = {name: value.T if value.ndim == 2 else value for name, value in layers_in_file.items()}
    ours = {n: v.transpose(3, 2, 0, 1) if v.ndim == 4 else v for n, v in ours.items()}
    return fill_network(ours, [keras], where=where)


def _canonical(name: str) -> str:
    """Kind of layer, number and variable, however the file writes them; other names as they are.

    >>> _canonical("model_weights/conv2d_94/conv2d_94/kernel:0")
    'conv2d_94/kernel'
    >>> _canonical("layers/batch_normalization/vars/1")
    'batch_normalization_0/moving_mean'
    >>> _canonical("predictions/predictions/bias")
    'dense_0/bias'
    >>> _canonical("_layer_checkpoint_dependencies/conv2d_6/vars/0")
    'conv2d_3/kernel'
    """
    match = _LISTED.match(name) or _CALLED.match(name)
    if not match:
        return name
    kind = _KINDS.get(match[1], match[1])
    variable = match[3]
    if kind not in _VARIABLES:
        return name
    if variable.isdigit():
        if int(variable) >= len(_VARIABLES[kind]):
            return name
        variable = _VARIABLES[kind][int(variable)]
    number = int(match[2] or 0)
    return f"{kind}_{number // 2 if name.startswith(_KERAS_2) else number}/{variable}"


def rules(names: Iterable[str], *, in_list: bool) -> Rules:
    """From our names to Keras', whose numbers begin where those in `names` do."""
    net = architecture(NAME)
    order = by_distance(list(blocks(net))) if in_list else in_walk(list(blocks(net)))
    conv, norm = (_lowest(names, kind) for kind in ("conv2d", "batch_normalization"))
    pairs = [
        pair
        for i, at in enumerate(order)
        for pair in (
            (rf"^{re.escape(at)}\.conv\.weight$", f"conv2d_{conv + i}/kernel"),
            (rf"^{re.escape(at)}\.bn\.", f"batch_normalization_{norm + i}/"),
        )
    ]
    return (*pairs, *_SUFFIXES)


def _lowest(names: Iterable[str], kind: str) -> int:
    """The smallest number of a layer of `kind`, 0 if there is none."""
    numbers = (re.match(rf"{kind}_(\d+)/", name) for name in names)
    return min((int(number[1]) for number in numbers if number), default=0)


def in_walk(parts: Iterable[Block | Step]) -> list[str]:
    """Addresses of the convolutions in the order in which Keras' program makes them: the walk's."""
    return [step.at for part in parts for step in part.steps if isinstance(step.op, Conv)]


def by_distance(parts: Sequence[Block | Step]) -> list[str]:
    """Addresses of the convolutions, those farthest from the output first, else as in the walk."""
    return [at for _, at in sorted(_distances(parts, 0), key=lambda pair: -pair[0])]


def _distances(parts: Sequence[Block | Step], after: int) -> Iterator[tuple[int, str]]:
    """Yield how many layers lie from each convolution to the output, and its address.

    Args:
        parts: a chain.
        after: layers behind it.
    """
    left = after + sum(layers(part) for part in parts)
    for part in parts:
        if isinstance(part, Step) and isinstance(part.op, Conv):
            yield left, part.at
        left -= layers(part)
        if isinstance(part, Block) and part.parallel:
            for path in part.parts:
                yield from _distances([path], left + 1)  # 1: the concatenation
        elif isinstance(part, Block):
            yield from _distances(part.parts, left)


def layers(part: Block | Step) -> int:
    """Keras' layers along the longest way through `part`.

    A convolution is three: itself, batch norm and ReLU. Joining paths is one.
    """
    if isinstance(part, Step):
        return 3 if isinstance(part.op, Conv) else 1
    lengths = [layers(inner) for inner in part.parts]
    return 1 + max(lengths) if part.parallel else sum(lengths)
