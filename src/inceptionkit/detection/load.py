"""A detector of any kind, from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inceptionkit.detection.rcnn.card import is_rcnn
from inceptionkit.detection.shared.card import is_shared_detector
from inceptionkit.detection.types import Detector
from inceptionkit.errors import RecipeError
from inceptionkit.evaluation.early_exit import parse_early_exit


@dataclass(frozen=True, slots=True)
class LoadedDetector:
    """A detector that is ready.

    Attributes:
        path: as it was given.
        kind: "rcnn", or "shared" for shared features.
        detector: finds objects.
        show: score from which boxes are worth showing to people.
        depth: bits that deep images use, as `Preprocessing.depth` says.
    """

    path: str
    kind: Literal["rcnn", "shared"]
    detector: Detector
    show: float
    depth: int = 16


def is_detector(path: Path) -> bool:
    """Whether a folder is that of a detector, or of the run that trained one."""
    return is_rcnn(path) or is_shared_detector(path)


def load(
    path: str | Path,
    *,
    early_exit: str | float | None = None,
    device: str | None = "cpu",
    threads: int | None = None,
) -> LoadedDetector:
    """Load a detector.

    Args:
        path: its folder, that of an export, or that of the run that trained it.
        early_exit: confidence from which an R-CNN's classifiers answer at an exit.
        device: that torch runs it on: "cpu", "gpu", "cuda:1", ...; None for a GPU if there is one.
        threads: of an exported detector's engine; one per core if None.

    Raises:
        WeightsError: nothing is there, or it is damaged.
        RecipeError: the detector takes no such policy, or the device is not there.
        DeploymentError: the engine of an export is not installed.
    """
    place = Path(path)
    if is_rcnn(place):
        from inceptionkit.detection.rcnn.detector import TO_THE_END
        from inceptionkit.detection.rcnn.model import load_rcnn
        from inceptionkit.evaluation.early_exit import StopWhenSure

        policy = TO_THE_END if early_exit is None else parse_early_exit(early_exit)
        if policy is not TO_THE_END and not isinstance(policy, StopWhenSure):
            msg = f"{path}: give --early-exit a confidence from 0 to 1, got {early_exit!r}"
            raise RecipeError(msg)
        rcnn, card = load_rcnn(place, policy, device=_device(device))
        return LoadedDetector(str(path), "rcnn", rcnn, card.show, card.depth)
    from inceptionkit.detection.shared.card import read_detector_card
    from inceptionkit.detection.shared.exported import open_detector

    if early_exit is not None:
        msg = f"{path}: only an R-CNN has exits for each region; leave --early-exit out"
        raise RecipeError(msg)
    if read_detector_card(place)[1].exported is None:
        device = _device(device)
    elif device not in {None, "cpu"}:
        msg = f"{path}: an exported graph runs on the CPU; leave --device out, or give the run"
        raise RecipeError(msg)
    detector, shared = open_detector(place, device=device or "cpu", threads=threads)
    depth = shared.preprocessing.depth
    return LoadedDetector(str(path), "shared", detector, shared.show, depth)


def _device(name: str | None) -> str:
    """The device that is asked for, as torch calls it.

    Raises:
        RecipeError: this machine does not have it.
    """
    from inceptionkit.network.build import check_device, named_device

    device = named_device(name)
    check_device(device)
    return device
