"""`export --variants`: fp32, bf16 and int8 of one model side by side, and the fastest of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

from inceptionkit import records
from inceptionkit.convert.registry import read_weights
from inceptionkit.data import DataAddress
from inceptionkit.deployment.backends import (
    LeftOut,
    TrainedModel,
    export_backend,
    need_processor,
)
from inceptionkit.deployment.benchmark import BenchmarkRow, measure, tuning_and_test_images
from inceptionkit.deployment.export import (
    Export,
    ExportOptions,
    check_export,
    make_export,
    write_export,
)
from inceptionkit.deployment.files import free_place
from inceptionkit.deployment.parity import ParityImages, parity_images
from inceptionkit.deployment.quantize import in_points
from inceptionkit.errors import DataError, DeploymentError
from inceptionkit.evaluation.confidence import Paired, paired
from inceptionkit.machine import cores
from inceptionkit.model.export_info import PRECISIONS
from inceptionkit.progress import Listener
from inceptionkit.text import duration

_ENGINE = "openvino"  # the one that has all precisions


@dataclass(frozen=True, slots=True)
class Variant:
    """A model in one precision.

    Attributes:
        export: its files.
        row: its speed, and its top-1 on images that choose nothing.
        change: of top-1 against the trained model, on images that may choose.
    """

    export: Export
    row: BenchmarkRow
    change: Paired

    @property
    def lost(self) -> float:
        """Share of top-1 that it costs, on the images that may choose."""
        return -self.change.difference.mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """A model in every precision that there is.

    Attributes:
        variants: fp32 first.
        left_out: precisions that are not among them.
        images: that top-1 is measured on.
        which: what these are.
        chosen_on: what the images are that may choose.
        max_drop: share of top-1 that may be lost.
    """

    variants: Sequence[Variant]
    left_out: Sequence[LeftOut]
    images: int
    which: str
    chosen_on: str
    max_drop: float

    def fastest(self) -> Variant:
        """The one that answers a single image soonest, of fp32 and those that lose little enough.

        The loss that was counted decides, not the end of its interval: few images could never rule
        out a small loss. `change_of` says where they cannot.
        """
        most = self.max_drop
        good = [one for one in self.variants if one.row.precision == "fp32" or one.lost <= most]
        return min(good, key=lambda one: one.row.median_ms)

    def change_of(self, one: Variant) -> str:
        """How a variant changes top-1, in words."""
        return in_points(one.change, self.chosen_on, self.max_drop)

    def to_json(self, out: Path | None = None) -> dict[str, Any]:
        """The keys that `export --variants --json` promises; `out` holds all folders."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "variants"}
        rows = [{**asdict(one.row), "change": asdict(one.change)} for one in self.variants]
        if out is not None:
            rows = [{**row, "folder": str(out / row["precision"])} for row in rows]
            values["folder"] = str(out)
        return {"rows": rows, **cast(dict[str, Any], records.to_json(values))}


def make_variants(
    model: str | Path,
    data: DataAddress | None,
    options: ExportOptions,
    images: str | Path | None,
    listener: Listener,
) -> Variants:
    """Make a model in every precision, and measure what each gains and loses here.

    Args:
        model: folder of a model or of a run, a weights file, or the id of released weights.
        data: the labeled images that it was trained on. The validation set judges and the test set
            scores; where there is one set alone, one half judges and the other scores.
        options: whether it is cut at its exits or resizes, and what int8 may lose; the precision is
            all of them. No resize is timed or scored.
        images: to compare with the trained network on; the built-in digits if None.
        listener: is told what is done.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: no released weights have that id.
        DataError: there are no images to judge by, or they are of other classes.
        DeploymentError: OpenVINO is not installed, or fp32 disagrees with the trained model.
    """
    if data is None:
        msg = "variants are judged by the images the model was trained on; name them with --data"
        raise DataError(msg)
    network, threads = TrainedModel(*read_weights(model)), cores()
    compared = parity_images(network.card, images)
    choosing, scored = tuning_and_test_images(network.card, data, listener)
    exports, left = _in_every_precision(network, options, data, compared, listener)
    trained = network.in_torch(threads)
    backends = [export_backend(one, _ENGINE, threads) for one in exports]
    before = trained.classify(choosing.fitted) == choosing.labels
    changes = [
        paired(before, backend.classify(choosing.fitted) == choosing.labels) for backend in backends
    ]
    rows = measure(backends, scored, trained.classify(scored.fitted), listener)
    return Variants(
        variants=[Variant(*one) for one in zip(exports, rows, changes, strict=True)],
        left_out=left,
        images=len(scored.fitted),
        which=scored.source,
        chosen_on=choosing.source,
        max_drop=options.max_drop,
    )


def _in_every_precision(
    network: TrainedModel,
    options: ExportOptions,
    data: DataAddress,
    images: ParityImages,
    listener: Listener,
) -> tuple[list[Export], list[LeftOut]]:
    """Export in every precision; what this processor or these images do not allow is left out.

    Raises:
        DeploymentError: fp32 disagrees with the trained model.
    """
    exports: list[Export] = []
    left: list[LeftOut] = []
    for precision in PRECISIONS:
        listener.say(f"preparing {precision}")
        own = replace(options, precision=precision)
        try:
            need_processor(precision)
            export = make_export(network.card, network.tensors, own, data, listener)
            exports.append(check_export(export, network.tensors, images, listener))
        except (DeploymentError, DataError) as error:
            if precision == "fp32":
                raise
            left.append(LeftOut(_ENGINE, precision, str(error)))
    return exports, left


def reason_for(variants: Variants, chosen: Variant) -> str:
    """Say why this variant was chosen."""
    times = [
        f"{one.row.precision} {duration(one.row.median_ms / 1e3)}"
        for one in sorted(variants.variants, key=lambda one: one.row.median_ms)
    ]
    return (
        f"{chosen.row.precision}: the fastest here ({', '.join(times)}) of those that lose at most "
        f"{100 * variants.max_drop:g} points of top-1; it changes it by "
        f"{variants.change_of(chosen)}"
    )


def free_places(out: Path) -> None:
    """Refuse a folder in which something else than a variant stands where one would be written.

    Raises:
        RunError: it does.
    """
    for precision in PRECISIONS:
        free_place(out / precision)


def write_variants(variants: Variants, out: Path) -> None:
    """Write every variant as a folder in `out`, named after its precision."""
    for one in variants.variants:
        write_export(one.export, out / one.row.precision)
