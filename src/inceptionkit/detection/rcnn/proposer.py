"""The proposer that an R-CNN takes over from a detector with shared features."""

from __future__ import annotations

import shutil
from pathlib import Path

from inceptionkit.detection.proposals import Proposer
from inceptionkit.detection.shared.card import read_detector_card
from inceptionkit.errors import WeightsError, WriteError

PROPOSER = "proposer"
"""Folder of the proposer, in a run's and in its model's."""


def proposer_folder(path: str | Path) -> Path:
    """The model folder of a detector whose proposals can be used.

    Args:
        path: that folder, or the run that trained it.

    Raises:
        WeightsError: there is none, or it is an export.
    """
    folder, card, _ = read_detector_card(Path(path))
    if card.exported is not None:
        msg = f"{path}: an exported detector gives no proposals; give the run that it was exported "
        raise WeightsError(msg + "from")
    return folder


def load_proposer(path: str | Path, device: str = "cpu") -> Proposer:
    """Load a proposer.

    Args:
        path: folder of a detector that `detect train` trained, or of the run.
        device: that it runs on.

    Raises:
        WeightsError: nothing is there, or it is damaged.
    """
    from inceptionkit.detection.shared.model import load_detector

    return load_detector(proposer_folder(path), device)[0]


def copy_proposer(path: str | Path, folder: Path) -> None:
    """Copy a proposer's model into a folder, where it is called `PROPOSER`.

    Raises:
        WeightsError: there is none.
        WriteError: it cannot be written.
    """
    try:
        shutil.copytree(proposer_folder(path), folder / PROPOSER)
    except OSError as error:
        raise WriteError(folder / PROPOSER, error) from error
