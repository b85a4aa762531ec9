"""Caffe's two files of a network of ours, under its published names: `.prototxt`, `.caffemodel`.

The prototxt is read off the walk, so that it is the published network exactly if ours is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from wire_writer import floats, number, stretch, varint

from inceptionkit.convert.rename import Rules, rename
from inceptionkit.spec import (
    Block,
    Conv,
    Dropout,
    GlobalPool,
    Linear,
    LocalNorm,
    Net,
    Pool,
    Step,
    blocks,
    steps,
)

Blobs = Mapping[str, Sequence[np.ndarray]]

CONVOLUTION, INNER_PRODUCT, BATCH_NORM, SCALE = "Convolution", "InnerProduct", "BatchNorm", "Scale"
OLD_KINDS = {CONVOLUTION: 4, INNER_PRODUCT: 14}  # enum of V1LayerParameter
FACTOR = 999.98  # sums that BatchNorm keeps are this many times the averages


def published(step: Step, rules: Rules) -> str:
    """The layer that holds the weights of `step`."""
    part = "fc" if isinstance(step.op, Linear) else "conv"
    return rename(f"{step.at}.{part}.weight", rules).removesuffix("/0")


def is_inner_product(step: Step) -> bool:
    """Whether Caffe has a fully connected layer: also for a convolution as large as the grid."""
    op = step.op
    return isinstance(op, Linear) or (
        isinstance(op, Conv) and op.padding == "valid" and op.kernel == step.input.size != (1, 1)
    )


def layer(name: str, kind: str, bottom: str | list[str], body: str = "", top: str = "") -> str:
    bottoms = " ".join(f'bottom: "{b}"' for b in ([bottom] if isinstance(bottom, str) else bottom))
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top or name}" {body} }}\n'


def prototxt(net: Net, rules: Rules) -> tuple[str, dict[str, str]]:
    """The network's definition, and exit or "main" -> name of its scores."""
    channels, height, width = net.image
    text = 'layer { name: "data" type: "Input" top: "data" input_param { shape {'
    text += f" dim: 1 dim: {channels} dim: {height} dim: {width} }} }} }}\n"
    scores: dict[str, str] = {}
    below = "data"
    for block in blocks(net):
        said, top = defined(block, below, rules)
        text += said
        if block.at.startswith("trunk."):
            below = top
        else:
            scores["main" if block.at == "head" else block.at.removeprefix("exits.")] = top
    return text, scores


def defined(part: Block | Step, below: str, rules: Rules) -> tuple[str, str]:
    """Layers of a part of the network that reads `below`, and the name of what leaves it."""
    if isinstance(part, Step):
        return operator(part, below, rules)
    text, tops = "", []
    for inner in part.parts:
        said, top = defined(inner, below, rules)
        text += said
        tops.append(top)
        below = below if part.parallel else top
    if part.parallel:
        name = f"{part.at}/output"
        return text + layer(name, "Concat", tops), name
    return text, tops[-1]


def operator(step: Step, below: str, rules: Rules) -> tuple[str, str]:
    match step.op:
        case Conv() | Linear():
            return weighted(step, below, rules)
        case Pool() as op:
            pad = op.kernel[0] // 2 if op.padding == "same" else 0
            kind = "MAX" if op.kind == "max" else "AVE"
            body = f"pool: {kind} kernel_size: {op.kernel[0]} stride: {op.stride} pad: {pad}"
            return layer(step.at, "Pooling", below, f"pooling_param {{ {body} }}"), step.at
        case GlobalPool() if step.input.size == (1, 1):
            return "", below
        case GlobalPool():
            body = "pooling_param { pool: AVE global_pooling: true }"
            return layer(step.at, "Pooling", below, body), step.at
        case LocalNorm(size, alpha, beta, k):
            body = f"lrn_param {{ local_size: {size} alpha: {alpha} beta: {beta} k: {k} }}"
            return layer(step.at, "LRN", below, body), step.at
        case Dropout(p):
            body = f"dropout_param {{ dropout_ratio: {p} }}"
            return layer(step.at, "Dropout", below, body, top=below), below
    raise AssertionError(step)


def weighted(step: Step, below: str, rules: Rules) -> tuple[str, str]:
    """A convolution or fully connected layer, its batch norm and its ReLU."""
    op, name = step.op, published(step, rules)
    assert isinstance(op, Conv | Linear)
    bias = "true" if isinstance(op, Linear) or op.bias else "false"
    body = f"num_output: {op.out} bias_term: {bias}"
    if isinstance(op, Linear) or is_inner_product(step):
        text = layer(name, INNER_PRODUCT, below, f"inner_product_param {{ {body} }}")
    else:
        pad = op.kernel[0] // 2 if op.padding == "same" else 0
        assert op.padding in {"same", "valid"}
        body += f" kernel_size: {op.kernel[0]} stride: {op.stride} pad: {pad}"
        text = layer(name, CONVOLUTION, below, f"convolution_param {{ {body} }}")
    top = name
    if isinstance(op, Conv) and op.norm:
        param = f"batch_norm_param {{ eps: {op.norm.eps} }}"
        text += layer(f"{name}/bn", BATCH_NORM, name, param)
        top = f"{name}/bn/sc"
        text += layer(top, SCALE, f"{name}/bn", "scale_param { bias_term: true }")
    if op.relu:
        text += layer(f"{top}/relu", "ReLU", top, top=top)
    return text, top


def blobs(net: Net, tensors: Mapping[str, np.ndarray], rules: Rules, *, bgr: bool) -> Blobs:
    """Layer -> blobs, of a network trained on BGR if `bgr`."""
    found: dict[str, list[np.ndarray]] = {}
    for step in steps(net):
        part = {n.removeprefix(f"{step.at}."): v for n, v in tensors.items() if is_of(n, step.at)}
        if not part:
            continue
        name = published(step, rules)
        weight = next(v for n, v in part.items() if n in {"conv.weight", "fc.weight"})
        if bgr and not found:
            weight = weight[:, ::-1]
        weight = weight.reshape(len(weight), -1) if is_inner_product(step) else weight
        bias = [v for n, v in part.items() if n in {"conv.bias", "fc.bias"}]
        found[name] = [weight, *bias]
        if "bn.weight" in part:
            sums = [part[f"bn.running_{of}"] * np.float32(FACTOR) for of in ("mean", "var")]
            found[f"{name}/bn"] = [*sums, np.array([FACTOR], np.float32)]
            found[f"{name}/bn/sc"] = [part["bn.weight"], part["bn.bias"]]
    return found


def is_of(name: str, address: str) -> bool:
    return name.startswith((f"{address}.conv.", f"{address}.fc.", f"{address}.bn."))


def blob(value: np.ndarray, *, old: bool = False, packed: bool = True) -> bytes:
    """A BlobProto; `old` has four sizes, the leading ones 1, where the new one has a shape."""
    if old:
        sizes = (1,) * (4 - value.ndim) + value.shape
        shape = b"".join(number(field, size) for field, size in enumerate(sizes, start=1))
    else:
        shape = stretch(7, stretch(1, b"".join(varint(size) for size in value.shape)))
    return shape + floats(5, value, packed=packed)


def caffemodel(found: Blobs, *, old: bool = False, packed: bool = True) -> bytes:
    """A NetParameter with `layer`, or `layers` as before 2015 if `old`."""
    return stretch(1, b"written by a test") + b"".join(
        entry(name, parts, old=old, packed=packed) for name, parts in found.items()
    )


def entry(name: str, parts: Sequence[np.ndarray], **form: Any) -> bytes:
    """A layer with its weights; those for batch norm are younger than the old form."""
    others = BATCH_NORM if len(parts) == 3 else SCALE
    kind = {4: CONVOLUTION, 2: INNER_PRODUCT}.get(parts[0].ndim, others)
    written = [blob(value, **form) for value in parts]
    if form["old"]:
        said = stretch(4, name.encode()) + number(5, OLD_KINDS[kind])
        return stretch(2, said + b"".join(stretch(6, one) for one in written))
    said = stretch(1, name.encode()) + stretch(2, kind.encode())
    return stretch(100, said + b"".join(stretch(7, one) for one in written))
