"""The model that a run starts from, and what of it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from inceptionkit.convert.registry import is_there, read_weights
from inceptionkit.derive import tensors as tensors_of
from inceptionkit.errors import RunError
from inceptionkit.model import Card
from inceptionkit.model.folder import TENSORS, model_folder, read_card
from inceptionkit.spec import Net, classifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Weights that a run begins with, in place of random ones; part of run.json."""

    model: str  # its folder or file, absolute, or the id of released weights
    sha256: str  # of its weights: a resumed run begins with the same or not at all
    same_classes: bool  # else every classifier is new, those of the exits included

    def tensors(self, net: Net) -> dict[str, NDArray[Any]]:
        """Name -> array of what `net` takes over from the model; the rest is drawn.

        Raises:
            WeightsError: the model is gone or damaged.
            RunError: it is another one than when the run began.
        """
        card, found = read_weights(self.model)
        if digest(self.model, card) != self.sha256:
            msg = f"{self.model}: the model changed since the run began; start the run again"
            raise RunError(msg)
        replaced = () if self.same_classes else tuple(f"{at}." for at in classifiers(net))
        return {
            name: found[name]
            for name, shape in tensors_of(net)
            if name in found and found[name].shape == shape and not name.startswith(replaced)
        }


def start_from(model: str | Path, classes: tuple[str, ...]) -> tuple[Start, Card]:
    """Look at the model that a run is to start from.

    Args:
        model: folder of a model or of a run, a weights file, or the id of released weights.
        classes: of the images, in their order.

    Raises:
        WeightsError: there is no model.
        UnknownNameError: no released weights have that id.
    """
    path = Path(model)
    card, _ = read_weights(path)
    if path.is_dir():
        path = model_folder(path).resolve()
    elif is_there(path):
        path = path.resolve()
    where = path.as_posix()
    same = card.classes == classes
    return Start(model=where, sha256=digest(where, card), same_classes=same), card


def digest(model: str, card: Card) -> str:
    """SHA-256 of the file that holds the weights of a model."""
    if Path(model).is_dir():
        return read_card(Path(model))[1][TENSORS]
    return str(card.origin["sha256"])
