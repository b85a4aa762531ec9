"""`export --variants`: fp32, bf16 and int8 of one model side by side, and the fastest of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from inceptionkit.api.export import Made, Wanted, checked, free_place, make, write
from inceptionkit.convert.registry import read_weights
from inceptionkit.deployment.backends import LeftOut, Network, Ours, needs, written
from inceptionkit.deployment.benchmark import Row, labelled, rows
from inceptionkit.deployment.parity import Compared, images_to_compare
from inceptionkit.errors import DataError, DeploymentError
from inceptionkit.evaluation.confidence import Paired, paired
from inceptionkit.machine import cores
from inceptionkit.model.export_info import PRECISIONS
from inceptionkit.progress import Listener, Silence
from inceptionkit.text import duration, points

ENGINE = "openvino"  # the one that has all precisions


@dataclass(frozen=True, slots=True)
class Variant:
    """A model in one precision.

    Attributes:
        made: its files.
        row: its speed, and its top-1 on images that choose nothing.
        change: of top-1 against the trained model, on images that may choose.
    """

    made: Made
    row: Row
    change: Paired

    @property
    def lost(self) -> float:
        """Share of top-1 that it costs, on the images that may choose."""
        return -self.change.difference.mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """A model in every precision that there is.

    Attributes:
        found: fp32 first.
        left_out: precisions that are not among them.
        images: that top-1 is measured on.
        which: what these are.
        chosen_on: what the images are that may choose.
    """

    found: Sequence[Variant]
    left_out: Sequence[LeftOut]
    images: int
    which: str
    chosen_on: str

    def fastest(self, most: float) -> Variant:
        """The one that answers a single image soonest, of fp32 and those that lose at most this."""
        good = [one for one in self.found if one.row.precision == "fp32" or one.lost <= most]
        return min(good, key=lambda one: one.row.median_ms)

    def to_json(self) -> dict[str, Any]:
        """What `export --variants --json` prints."""
        return {
            "rows": [asdict(one.row) | {"change": asdict(one.change)} for one in self.found],
            "left_out": [asdict(one) for one in self.left_out],
            "images": self.images,
            "which": self.which,
            "chosen_on": self.chosen_on,
        }


def variants(
    model: str | Path,
    data: str | Path | None,
    *,
    asked: Wanted | None = None,
    images: str | Path | None = None,
    listener: Listener | None = None,
) -> Variants:
    """Make a model in every precision, and measure what each gains and loses here.

    Args:
        model: folder of a model or of a run, a weights file, or the id of released weights.
        data: the labelled images that it was trained on. Val judges and test scores; where there
            is one set alone, one half judges and the other scores.
        asked: whether it is cut at its exits or resizes, and what int8 may lose; the precision is
            all of them. No resize is timed or scored.
        images: to compare with the trained network on; the built-in digits if None.
        listener: hears what is found.

    Raises:
        WeightsError: there is no model, or it is damaged.
        UnknownNameError: no released weights have that id.
        DataError: there are no images to judge by, or they are of other classes.
        DeploymentError: OpenVINO is not installed, or fp32 disagrees with the trained model.
    """
    if data is None:
        msg = "variants are judged by the images the model was trained on; name them with --data"
        raise DataError(msg)
    asked, listener, threads = asked or Wanted(), listener or Silence(), cores()
    card, tensors = read_weights(model)
    compared = images_to_compare(card, images)
    choosing, scored = labelled(card, data, listener)
    network = Network(card, tensors)
    exports, left = in_every_precision(network, asked, data, compared, listener)
    trained = Ours(network, threads, data, listener).torch()
    ways = [written(one, ENGINE, threads) for one in exports]
    before = trained.classes(choosing.fitted) == choosing.labels
    changes = [paired(before, way.classes(choosing.fitted) == choosing.labels) for way in ways]
    found = rows(ways, scored, trained.classes(scored.fitted), listener)
    return Variants(
        found=[Variant(*one) for one in zip(exports, found, changes, strict=True)],
        left_out=left,
        images=len(scored.fitted),
        which=scored.said,
        chosen_on=choosing.said,
    )


def in_every_precision(
    network: Network, asked: Wanted, data: str | Path, compared: Compared, listener: Listener
) -> tuple[list[Made], list[LeftOut]]:
    """Export in every precision; what this processor or these images do not allow is left out.

    Raises:
        DeploymentError: fp32 disagrees with the trained model.
    """
    found: list[Made] = []
    left: list[LeftOut] = []
    for precision in PRECISIONS:
        listener.say(f"preparing {precision}")
        try:
            needs(precision)
            one = make(
                network.card, network.tensors, replace(asked, precision=precision), data, listener
            )
            found.append(checked(one, network.tensors, compared, listener))
        except (DeploymentError, DataError) as error:
            if precision == "fp32":
                raise
            left.append(LeftOut(ENGINE, precision, str(error)))
    return found, left


def why(found: Variants, chosen: Variant, most: float) -> str:
    """Say why this variant was chosen."""
    change = chosen.change.difference
    times = [
        f"{one.row.precision} {duration(one.row.median_ms / 1e3)}"
        for one in sorted(found.found, key=lambda one: one.row.median_ms)
    ]
    return (
        f"{chosen.row.precision}: the fastest here ({', '.join(times)}) of those that lose at most "
        f"{100 * most:g} points of top-1; it changes it by {points(change.mean)} "
        f"({points(change.low)} to {points(change.high)}) on {chosen.change.images:,} "
        f"images: {found.chosen_on}"
    )


def free_places(out: Path) -> None:
    """Refuse a folder in which something else than a variant stands where one would be written.

    Raises:
        RunError: it does.
    """
    for precision in PRECISIONS:
        free_place(out / precision)


def write_all(found: Variants, out: Path) -> dict[str, Any]:
    """Write every variant as a folder in `out`; what `export --variants --json` prints."""
    folders = [write(one.made, out / one.row.precision)["folder"] for one in found.found]
    told = found.to_json()
    told["rows"] = [
        row | {"folder": folder} for row, folder in zip(told["rows"], folders, strict=True)
    ]
    return told | {"folder": str(out)}


def write_fastest(found: Variants, most: float, out: Path) -> dict[str, Any]:
    """Write the fastest variant; what `export --fastest --json` prints."""
    chosen = found.fastest(most)
    return found.to_json() | write(chosen.made, out) | {"why": why(found, chosen, most)}
