"""`convert`: other implementations' weights into model folders, and back into torchvision's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from inceptionkit.convert.class_names import read_names
from inceptionkit.convert.formats import pytorch, safetensors
from inceptionkit.convert.registry import Imported, Tensors, import_weights
from inceptionkit.convert.torchvision import to_torchvision
from inceptionkit.derive import cost
from inceptionkit.errors import WeightsError
from inceptionkit.model import Card, read_model, write_model

Writer: TypeAlias = Callable[[Path, Tensors], None]

WRITERS: Mapping[str, Writer] = MappingProxyType(
    {".safetensors": safetensors.write, ".pth": pytorch.write}
)  # suffix -> who writes it


@dataclass(frozen=True, slots=True)
class Converted:
    """A weights file that became a model folder."""

    imported: Imported
    folder: Path

    def as_json(self) -> dict[str, Any]:
        """What `convert --json` prints."""
        imported, card = self.imported, self.imported.card
        return {
            "model": str(self.folder),
            "file": str(imported.path),
            "kind": imported.format,
            "sha256": card.origin["sha256"],
            **network_as_json(card),
            "class_names": imported.named,
            "background": imported.background,
            "untrained_exits": list(imported.untrained),
        }


@dataclass(frozen=True, slots=True)
class Written:
    """A model's weights in a file with torchvision's names."""

    card: Card
    path: Path
    network: str  # the call of `torchvision.models` that makes the network for them
    left_out: tuple[str, ...]  # exits that torchvision's network does not have

    def as_json(self) -> dict[str, Any]:
        """What `convert --to torchvision --json` prints."""
        return {
            "file": str(self.path),
            "to": "torchvision",
            "network": self.network,
            **network_as_json(self.card),
            "exits_left_out": list(self.left_out),
        }


def network_as_json(card: Card) -> dict[str, Any]:
    """What both directions tell of the network."""
    net, priced = card.architecture, cost(card.architecture)
    return {
        "architecture": net.name,
        "input": net.image[1],
        "classes": len(card.classes),
        "exits": [e.name for e in net.exits],
        "params": priced.answer.params,
        "params_with_exits": priced.everything.params,
        "preprocessing": card.preprocessing.to_json(),
    }


def convert(source: str, folder: Path, *, classes: Path | None = None) -> Converted:
    """Write a model folder from another implementation's weights.

    Args:
        source: a weights file, or the id of released weights.
        folder: where the model folder goes; nothing may be there.
        classes: file with the names of the classes; None as `import_weights` does it.

    Raises:
        WeightsError: the file is not known, damaged or does not fit, the names are not as many as
            the classes, or something is at `folder` already.
        UnknownNameError: no released weights have that id.
        RunError: the folder cannot be written.
    """
    refuse_to_overwrite(folder)
    names = None if classes is None else read_names(classes)
    imported = import_weights(source, names)
    write_model(folder, imported.card, imported.tensors)
    return Converted(imported, folder)


def write_for_torchvision(model: str, path: Path) -> Written:
    """Write a model's weights as torchvision names them.

    Args:
        model: folder of a model or of a run.
        path: a new file whose name ends in .safetensors or .pth.

    Raises:
        WeightsError: there is no such model, torchvision has no such network, the name ends
            otherwise, or something is at `path` already.
        RunError: the file cannot be written.
    """
    writer = WRITERS.get(path.suffix)
    if writer is None:
        msg = f"{path}: the name of the file must end in {' or '.join(WRITERS)}"
        raise WeightsError(msg)
    refuse_to_overwrite(path)
    card, tensors = read_model(Path(model))
    theirs = to_torchvision(card.architecture, tensors)
    writer(path, theirs.tensors)
    return Written(card, path, theirs.network, theirs.left_out)


def refuse_to_overwrite(path: Path) -> None:
    """Refuse a place where something is already; it may be the user's only copy."""
    if path.exists():
        msg = f"{path}: is there already; choose another name, or remove it first"
        raise WeightsError(msg)
