"""`convert`: weights of other implementations as model folders, and back into torchvision's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from inceptionkit import records
from inceptionkit.errors import OptionError, WeightsError
from inceptionkit.options import Argument, Option, verb
from inceptionkit.results import Result

if TYPE_CHECKING:
    from inceptionkit.convert.registry import ImportedModel
    from inceptionkit.model import Card


@dataclass(frozen=True)
class ConvertRequest:
    """What to convert, and into what."""

    source: Annotated[
        str | Path,
        Argument(
            "Weights of another implementation: a PyTorch, safetensors, Keras, TensorFlow or Caffe "
            "file, or an id such as torchvision/googlenet; with --to, a run or a model.",
            "FILE",
        ),
    ]
    out: Annotated[
        str | Path, Argument("Model folder to write; with --to, the file to write.", "OUT")
    ]
    classes: Annotated[
        str | Path | None,
        Option(
            "Class names in the order of the outputs: with commas between them, a text file with "
            "one on each line, or a JSON list.",
            "NAMES",
            default="ImageNet's if there are 1000",
        ),
    ] = None
    to: Annotated[
        Literal["torchvision"] | None,
        Option("Write a model for torchvision instead, as .safetensors or .pth."),
    ] = None


@dataclass(frozen=True, kw_only=True, repr=False)
class ConvertResult(Result):
    """Converted weights.

    Attributes:
        path: the model folder, or torchvision's file.
        card: of the model.
        imported: what was recognized; None of a file for torchvision.
        network: the call of `torchvision.models` that takes the file; None of a model folder.
        exits_left_out: exits that torchvision's network does not have.
    """

    path: Path
    card: Card
    imported: ImportedModel | None = None
    network: str | None = None
    exits_left_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What `convert --json` prints."""
        if self.imported is None:
            first: dict[str, Any] = {"file": str(self.path), "to": "torchvision"}
            more: dict[str, Any] = {
                "network": self.network,
                "exits_left_out": list(self.exits_left_out),
            }
        else:
            first = {
                "model": str(self.path),
                "file": str(self.imported.path),
                "kind": self.imported.format,
                "sha256": self.card.origin["sha256"],
            }
            more = {
                "class_names": self.imported.named,
                "background": self.imported.background,
                "untrained_exits": list(self.imported.untrained),
            }
        return {**first, **self._network(), **more}

    def _network(self) -> dict[str, Any]:
        from inceptionkit.derive import cost

        net = self.card.architecture
        net_cost = cost(net)
        return {
            "architecture": net.name,
            "input": net.image[1],
            "classes": len(self.card.classes),
            "exits": [e.name for e in net.exits],
            "params": net_cost.without_exits.params,
            "params_with_exits": net_cost.with_exits.params,
            "preprocessing": records.to_json(self.card.preprocessing),
        }


@verb(ConvertRequest)
def convert(request: ConvertRequest) -> ConvertResult:
    """Convert weights of other implementations to a model folder, or a model to theirs.

    Raises:
        WeightsError: the file is not known, damaged or does not fit, the names are not as many as
            the classes, or something is at `out` already.
        UnknownNameError: no released weights have that id.
        RunError: `out` cannot be written.
    """
    from inceptionkit.convert.registry import import_weights, read_class_names
    from inceptionkit.convert.torchvision import write_for_torchvision
    from inceptionkit.model import read_model, write_model

    out = Path(request.out)
    if request.to is not None and request.classes is not None:
        msg = "--classes does not apply with --to torchvision, whose files hold no names"
        raise OptionError(msg)
    if out.exists():  # it may be the user's only copy
        msg = f"{out}: already exists; choose another name, or remove it first"
        raise WeightsError(msg)
    if request.to is not None:
        card, tensors = read_model(Path(request.source))
        made = write_for_torchvision(out, card.architecture, tensors)
        return ConvertResult(
            path=out, card=card, network=made.network, exits_left_out=made.left_out
        )
    names = None if request.classes is None else read_class_names(Path(request.classes))
    imported = import_weights(str(request.source), names)
    write_model(out, imported.card, imported.tensors)
    return ConvertResult(path=out, card=imported.card, imported=imported)
