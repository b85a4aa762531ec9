"""Images of a run as the network saw them: augmented, mixed, and drawn back to pixels."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inceptionkit.errors import RunError
from inceptionkit.files import read_bounded, write_json
from inceptionkit.records import STRICT, UNREADABLE, Between, from_json, to_json
from inceptionkit.training.run.folder import damaged

if TYPE_CHECKING:
    from inceptionkit.training.state import TrainConfig

FILE = "batch.json"
_IMAGES = 12
_STEPS, _VISIBLE = 50, 0.85  # looked at; share that is kept where one sees that images are mixed
_MOST_BYTES = 2**25
_EXACT = 64  # up to this side a picture is kept without loss

Kind: TypeAlias = Literal["png", "webp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenImage:
    """One image of a step."""

    label: str
    partner: str  # class of the image that was mixed into it; its own label without mixing
    picture: str  # encoded, base64


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBatch:
    """The first images of a step."""

    step: Annotated[int, Between(0, 2**53)]  # counted from 0
    side: Annotated[int, Between(1, 16_384)]  # pixels
    kept: Annotated[float, Between(0, 1)]  # share of each image that is not its partner's
    kind: Kind  # of the pictures
    images: tuple[SeenImage, ...]


def seen_batch(config: TrainConfig, classes: Sequence[str]) -> SeenBatch:
    """Draw the first images of an early step again, of one that mixes images if the run does.

    They are what the network saw, because draws depend on the seed, the step and the image alone.

    Args:
        config: of the run.
        classes: names, in the order of the labels.
    """
    import torch

    from inceptionkit.data.transforms.pipeline import draw_mixture, mix
    from inceptionkit.training.loop import load_batch

    early, cropping = config.at(0.0), config.at(0.0).cropping(0)
    mixtures = [
        draw_mixture(config.recipe.mixing, cropping.side, seed=config.seed, step=step)
        for step in range(min(config.steps_per_epoch, _STEPS))
    ]
    visible = (k for k, one in enumerate(mixtures) if one is not None and one.kept < _VISIBLE)
    step = next(visible, 0)
    mixture, start = mixtures[step], step * config.batch
    order = config.train.order(config.seed, 0)[start : start + config.batch]
    reads = order[np.arange(-1, min(_IMAGES, len(order)))]  # the partner of the first is the last
    config.train.expect([reads], cropping)
    images, labels = load_batch(early, reads, cropping)
    images, names = images.float().cpu(), [classes[label] for label in labels.tolist()]
    own, before = images[1:], images[:-1]
    seen = own if mixture is None else mix(own, before, mixture)
    scale, shift = torch.tensor(config.preprocessing.affine).reshape(2, 1, 3, 1, 1)
    pixels = ((seen - shift) / scale).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    kind: Kind = "png" if cropping.side <= _EXACT else "webp"
    return SeenBatch(
        step=step,
        side=cropping.side,
        kept=1.0 if mixture is None else mixture.kept,
        kind=kind,
        images=tuple(
            SeenImage(
                label=label,
                partner=label if mixture is None else partner,
                picture=_encoded(picture.numpy(), kind),
            )
            for picture, label, partner in zip(pixels, names[1:], names[:-1], strict=True)
        ),
    )


def _encoded(pixels: NDArray[np.uint8], kind: Kind) -> str:
    file = io.BytesIO()
    how: dict[str, Any] = {"optimize": True} if kind == "png" else {"quality": 78}
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, kind, **how)
    return base64.b64encode(file.getvalue()).decode("ascii")


def write_seen_batch(folder: Path, config: TrainConfig, classes: Sequence[str]) -> None:
    """Keep the pictures in the run, for its page.

    Raises:
        WriteError: they cannot be written.
    """
    write_json(folder / FILE, to_json(seen_batch(config, classes)))


def read_seen_batch(folder: Path) -> SeenBatch | None:
    """The pictures that the run keeps; None where it is of a version that kept none.

    Raises:
        RunError: they are damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        data = STRICT.decode(read_bounded(path, _MOST_BYTES).decode())
        found = from_json(SeenBatch, data, at="", error=RunError)
        for image in found.images:
            base64.b64decode(image.picture, validate=True)
    except (*UNREADABLE, RunError) as error:
        raise damaged(path, str(error)) from error
    return found
