"""The model that a run starts from, and what of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from inceptionkit.convert.registry import is_there, read_weights
from inceptionkit.errors import RunError
from inceptionkit.model import Card
from inceptionkit.model.folder import TENSORS, model_folder, read_card, read_seen, shipped
from inceptionkit.model.seen import NOTHING, Seen
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net, NetChoice, classifiers, refit, with_chosen_exits
from inceptionkit.spec import tensors as tensors_of


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialWeights:
    """Weights that a run begins with, in place of random ones; part of run.json."""

    model: str  # its folder or file, absolute, or the id of released weights
    sha256: str  # of its weights: a resumed run begins with the same or not at all
    same_classes: bool  # otherwise every classifier is new, those of the exits too
    terms: str = ""  # license of the weights, and terms of the images behind them, if it states any

    def seen(self) -> Seen:
        """The images that it has seen; none where nobody knows.

        Raises:
            WeightsError: the model is gone or damaged.
        """
        folder = Path(self.model)
        return (read_seen(folder, *read_card(folder)).seen if folder.is_dir() else None) or NOTHING

    def tensors(self, net: Net) -> dict[str, NDArray[Any]]:
        """Name -> array of what `net` takes over from the model; the rest is drawn.

        Raises:
            WeightsError: the model is gone or damaged.
            RunError: it is another one than when the run began.
        """
        card, found = read_weights(self.model)
        if _digest(self.model, card) != self.sha256:
            msg = f"{self.model}: the model changed since the run began; start the run again"
            raise RunError(msg)
        replaced = () if self.same_classes else tuple(f"{at}." for at in classifiers(net))
        return {
            name: found[name]
            for name, shape in tensors_of(net)
            if name in found and found[name].shape == shape and not name.startswith(replaced)
        }


def inspect_model(model: str | Path, classes: tuple[str, ...]) -> tuple[InitialWeights, Card]:
    """The model that a run starts from, and its card.

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
    same, stated = card.classes == classes, (card.origin.get("license"), card.origin.get("terms"))
    return InitialWeights(
        model=where,
        sha256=_digest(where, card),
        same_classes=same,
        terms=", ".join(filter(None, stated)),
    ), card


def choose_start(
    model: str | Path,
    side: int | None,
    exits: Sequence[str] | None,
    *,
    classes: tuple[str, ...],
    pooled_exits: bool = False,
) -> tuple[NetChoice, InitialWeights, Preprocessing]:
    """The network of a trained model, for these classes, and what is taken over with it.

    Args:
        model: its folder, or that of a run.
        side: of the input, pixels; None for the model's.
        exits: blocks to attach exits to; None for those of the model.
        classes: of the data.
        pooled_exits: whether exits get global-average-pooling heads; then their heads are new.

    Raises:
        WeightsError: there is no such model.
        SpecError: it does not fit the input, or has no such block.
    """
    start, card = inspect_model(model, classes)
    own = card.architecture
    net = refit(own, side, len(classes), pooled=pooled_exits)
    reasons = [f"starts from {start.model}: {own.name}, {net.image[1]} px"]
    if not start.same_classes:
        reasons.append("every classifier is new: the model has other classes than the images")
    if start.terms:
        reasons.append(f"weights of {start.model}: {start.terms}")
    choice = with_chosen_exits(net, own, exits, reasons)
    return choice, start, replace(card.preprocessing, size=net.image[1])


def _digest(model: str, card: Card) -> str:
    """SHA-256 of the file that holds the weights of a model."""
    if Path(model).is_dir() or model in shipped():
        return read_card(model_folder(Path(model)))[1][TENSORS]
    return str(card.origin["sha256"])
