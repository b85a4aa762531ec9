"""A detector as an ONNX graph, from the image to the boxes, both suppressions inside.

Input `image` is (1, height, width, 3) uint8 at the working size, as `fitted` makes it. Outputs are
`boxes`, (n, 4) in pixels of that size, `labels` and `scores`, (n,), class by class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.deployment.onnx import FLOAT, IMAGE, UINT8, NetworkBuilder, Read, Tensors
from inceptionkit.detection.shared.card import DetectorCard
from inceptionkit.detection.shared.design import (
    LARGEST,
    LEAST,
    NORM_EPS,
    OVERLAP,
    SAME,
    SPREAD,
    Design,
)

INT64 = 7  # ONNX's number for the type
_HALF = np.array(0.5, np.float32)


class DetectorBuilder(NetworkBuilder):
    """A detector's operators."""

    def detector(self, card: DetectorCard) -> Any:  # noqa: ANN401 - onnx.ModelProto
        """Write all of it."""
        design = card.design
        x, taps = self.pixels(card), list[str]()
        for name, block in design.blocks():
            x = self.add(block, x)
            if name in design.taps:
                taps.append(self.normed(f"laterals.{name}", x))
        features = self.fused(design, taps)
        proposed = self.normed("proposer", features, relu=True)
        regions = self.regions(card, proposed)
        boxes, scores = self.classified(design, features, regions)
        least = np.array([LEAST], np.float32)
        limits = [np.array([design.most]), np.array([SAME], np.float32), least]
        kept = self.put("NonMaxSuppression", [f"{boxes}.batch", f"{scores}.batch", *limits], "kept")
        which = self.put("Gather", [kept, np.array([1, 2])], "which", axis=1)
        self.put("GatherND", [scores, which], "scores")
        self.put("Gather", [boxes, self.column("rows", kept, 2)], "boxes", axis=0)
        self.column("labels", kept, 1)
        ends = [("boxes", FLOAT, [None, 4]), ("labels", INT64, [None]), ("scores", FLOAT, [None])]
        return self.model(design.net.name, [(IMAGE, UINT8, [1, *design.size, 3])], ends)

    def pixels(self, card: DetectorCard) -> str:
        """Scale and shift the pixels: (1, 3, height, width)."""
        scale, shift = np.array(card.preprocessing.affine, np.float32).reshape(2, 1, 3, 1, 1)
        planes = self.put("Transpose", [IMAGE], "pixels.planes", perm=[0, 3, 1, 2])
        floats = self.put("Cast", [planes], "pixels.floats", to=FLOAT)
        scaled = self.put("Mul", [floats, scale], "pixels.scaled")
        return self.put("Add", [scaled, shift], "pixels")

    def normed(self, at: str, x: str, *, relu: bool = False) -> str:
        """Write a convolution with the norm behind it folded in."""
        weight = self.tensors[f"{at}.conv.weight"].astype(np.float64)
        norm = {
            part: self.tensors[f"{at}.bn.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        }
        factor = norm["weight"] / np.sqrt(norm["running_var"] + NORM_EPS)
        bias = norm["bias"] - norm["running_mean"] * factor
        folded = (weight * factor[:, None, None, None]).astype(np.float32)
        pads = [weight.shape[2] // 2] * 4
        return self.put("Conv", [x, folded, bias.astype(np.float32)], at, relu=relu, pads=pads)

    def fused(self, design: Design, taps: list[str]) -> str:
        """Add up the features of all taps on the grid of the first."""
        x, size = taps[0], design.signal(design.taps[0]).size
        for name in taps[1:]:
            sides = np.array([1, design.channels, *size])
            grown = self.put(
                "Resize", [name, "", "", sides], f"{name}.grown", mode="nearest",
                coordinate_transformation_mode="asymmetric", nearest_mode="floor",
            )  # fmt: skip
            x = self.put("Add", [x, grown], f"{name}.added")
        return self.normed("smooth", self.put("Relu", [x], "fused"), relu=True)

    def regions(self, card: DetectorCard, proposed: str) -> str:
        """The regions that most likely hold an object: (n, 4), one at least."""
        design = card.design
        anchors = anchor_boxes(design)
        count = min(design.among, len(anchors))
        flat = {}
        for name, shape in (("objectness", [-1]), ("shifts", [-1, 4])):
            scores = self.put("Conv", [proposed, *self.layer(name)], f"{name}.scores")
            last = self.put("Transpose", [scores], f"{name}.last", perm=[0, 2, 3, 1])
            flat[name] = self.put("Reshape", [last, np.array(shape)], name)
        self.nodes.append(
            self.onnx.helper.make_node(
                "TopK", ["objectness", "best.count"], ["best.values", "best"], name="best", axis=0
            )
        )
        self.constants.append(self.onnx.numpy_helper.from_array(np.array([count]), "best.count"))
        shifts = self.put("Gather", [flat["shifts"], "best"], "best.shifts", axis=0)
        around = self.put("Gather", [anchors, "best"], "best.anchors", axis=0)
        boxes = self.decoded("proposals", shifts, around, design.size)
        ranks = self.ranks(count, card.region_exit)
        overlap, least = np.array([OVERLAP], np.float32), np.array([0.5], np.float32)
        limits = [np.array([design.proposals]), overlap, least]
        kept = self.put("NonMaxSuppression", [f"{boxes}.batch", ranks, *limits], "proposals.kept")
        places = self.column("proposals.places", kept, 2)
        return self.put("Gather", [boxes, places], "regions", axis=0)

    def ranks(self, count: int, region_exit: float | None) -> Read:
        """(1, 1, count) numbers that rank the anchors; 0 where the exit says background."""
        ranks = np.arange(count, 0, -1, dtype=np.float32)[None, None]
        if region_exit is None:
            return ranks
        logit, first = np.array(region_exit, np.float32), np.zeros_like(ranks)
        first[..., 0] = count  # as in torch: no engine has to compute without regions
        reaching = self.put("GreaterOrEqual", ["best.values", logit], "best.reaching")
        counted = self.put("Cast", [reaching], "best.counted", to=FLOAT)
        kept = self.put("Mul", [counted, ranks], "best.kept")
        return self.put("Max", [kept, first], "best.ranks")

    def classified(self, design: Design, features: str, regions: str) -> tuple[str, str]:
        """Corrected boxes (n, 4) and scores (classes, n) of regions."""
        cells = design.signal(design.taps[0]).size
        down, right = (count / side for count, side in zip(cells, design.size, strict=True))
        scale = np.array([right, down] * 2, np.float32)
        placed = self.put("Mul", [regions, scale], "regions.placed")
        shape = self.put("Shape", [regions], "regions.shape", start=0, end=1)
        zero = self.onnx.numpy_helper.from_array(np.zeros(1, np.int64))
        images = self.put("ConstantOfShape", [shape], "regions.images", value=zero)
        pooled = self.put(
            "RoiAlign", [features, placed, images], "pooled", output_height=design.grid,
            output_width=design.grid, sampling_ratio=2, spatial_scale=1.0,
            coordinate_transformation_mode="half_pixel",
        )  # fmt: skip
        last = self.put("Transpose", [pooled], "pooled.last", perm=[0, 2, 3, 1])
        length = design.channels * design.grid**2
        rows = self.put("Reshape", [last, np.array([-1, length])], "pooled.rows")
        hidden = self.put("Gemm", [rows, *self.layer("hidden")], "hidden", relu=True, transB=1)
        logits = self.put("Gemm", [hidden, *self.layer("classifier")], "classifier", transB=1)
        coded = self.put("Gemm", [hidden, *self.layer("corrector")], "corrector", transB=1)
        boxes = self.decoded("corrected", coded, regions, design.size)
        shares = self.put("Softmax", [logits], "shares", axis=1)
        ends = [np.array([1]), np.array([2**31 - 1]), np.array([1])]
        classes = self.put("Slice", [shares, *ends], "shares.classes")
        scores = self.put("Transpose", [classes], "by_class", perm=[1, 0])
        self.put("Unsqueeze", [scores, np.array([0])], f"{scores}.batch")
        return boxes, scores

    def layer(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weight and bias of a layer without a norm."""
        return self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]

    def decoded(self, at: str, coded: str, around: str, size: tuple[int, int]) -> str:
        """Boxes (n, 4) from their differences to others, clipped; also with a batch, `AT.batch`."""
        low, high = self.halves(f"{at}.around", around)
        sides = self.put("Sub", [high, low], f"{at}.sides")
        middle = self.put("Mul", [self.put("Add", [low, high], f"{at}.sum"), _HALF], f"{at}.middle")
        scaled = self.put("Mul", [coded, np.array(SPREAD, np.float32)], f"{at}.scaled")
        shift, growth = self.halves(f"{at}.coded", scaled)
        moved = self.put("Mul", [shift, sides], f"{at}.shifted")
        middle = self.put("Add", [middle, moved], f"{at}.moved")
        bounded = self.put("Min", [growth, np.array(LARGEST, np.float32)], f"{at}.bounded")
        grown = self.put("Mul", [self.put("Exp", [bounded], f"{at}.exp"), sides], f"{at}.grown")
        half = self.put("Mul", [grown, _HALF], f"{at}.reach")
        ends = [self.put(kind, [middle, half], f"{at}.{kind}") for kind in ("Sub", "Add")]
        whole = self.put("Concat", ends, f"{at}.whole", axis=1)
        above = self.put("Max", [whole, np.array(0, np.float32)], f"{at}.above")
        limits = np.array([size[1], size[0]] * 2, np.float32)
        boxes = self.put("Min", [above, limits], at)
        self.put("Unsqueeze", [boxes, np.array([0])], f"{at}.batch")
        return boxes

    def column(self, name: str, table: str, number: int) -> str:
        """(n,) a column of a table."""
        alone = self.put("Gather", [table, np.array([number])], f"{name}.alone", axis=1)
        return self.put("Reshape", [alone, np.array([-1])], name)

    def halves(self, at: str, boxes: str) -> tuple[str, str]:
        """The first and the last two numbers of each box."""
        axis = np.array([1])
        low = self.put("Slice", [boxes, np.array([0]), np.array([2]), axis], f"{at}.first")
        return low, self.put("Slice", [boxes, np.array([2]), np.array([4]), axis], f"{at}.last")


def anchor_boxes(design: Design) -> NDArray[np.float32]:
    """(anchors, 4) boxes around every cell, in pixels, as in torch."""
    grid = design.signal(design.taps[0]).size
    rows, columns = (
        (np.arange(cells) + 0.5) * side / cells
        for cells, side in zip(grid, design.size, strict=True)
    )
    y, x = np.meshgrid(rows, columns, indexing="ij")
    middles = np.stack([x, y], -1)[:, :, None]
    half = np.array(design.anchors)[:, ::-1] / 2
    boxes = np.concatenate([middles - half, middles + half], -1)
    return boxes.reshape(-1, 4).astype(np.float32)


def onnx_detector(card: DetectorCard, tensors: Tensors | Mapping[str, NDArray[Any]]) -> Any:  # noqa: ANN401
    """The graph of a detector, as an `onnx.ModelProto`."""
    return DetectorBuilder(tensors=tensors).detector(card)
