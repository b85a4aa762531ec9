"""How a run that trains a detector begins, or is picked up again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.catalog import find
from inceptionkit.data.types import Unusable
from inceptionkit.detection.division import DividedSet, divide
from inceptionkit.detection.shared.augment import LARGER, DecodedAgain, kept
from inceptionkit.detection.shared.design import Design, choose_design, limits
from inceptionkit.detection.shared.loss import IGNORED
from inceptionkit.detection.shared.recipe import DetectRecipe
from inceptionkit.detection.shared.record import (
    DetectDataFacts,
    DetectRecord,
    read_detect_record,
)
from inceptionkit.detection.shared.request import DetectTrainRequest
from inceptionkit.detection.shared.session import DetectSession
from inceptionkit.detection.shared.training import TrainBoxes
from inceptionkit.detection.sources.open import open_detection
from inceptionkit.detection.types import AnnotatedImage, Boxes, DetectionSet, Pixels
from inceptionkit.errors import DataError, RecipeError, RunError, SpecError, UnknownNameError
from inceptionkit.files import write_json
from inceptionkit.machine import cores, free_bytes
from inceptionkit.model.folder import DEFAULT_MODEL, shipped
from inceptionkit.network.build import check_device, named_device
from inceptionkit.options import several
from inceptionkit.preprocess import Preprocessing, UnusableImage
from inceptionkit.progress import Listener, Progress
from inceptionkit.settings import override
from inceptionkit.spec import Net, tensors
from inceptionkit.training.budget import parse_budget
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.initial_weights import InitialWeights, inspect_model
from inceptionkit.training.run.record import FILE

TRUNK = "compact"  # where nothing says another
_SHARE_OF_MEMORY = 0.5  # that is free: more images than fit are decoded in each epoch
_READ_AT_ONCE = 64  # images: few wait in memory
_TRUNK_SIDE = 128  # of its images; the trunk itself takes any size


def start_run(request: DetectTrainRequest, listener: Listener, start_time: float) -> DetectSession:
    """Decide what a run computes, and write it down.

    Raises:
        DataError, RecipeError, UnknownNameError, SpecError, WeightsError: it cannot be met.
        RunError: the run folder cannot be written.
    """
    recipe = override(DetectRecipe(), several(request.settings), error=RecipeError)
    if request.budget is not None:
        if request.epochs is not None:
            msg = f"a run has one budget, got --budget {request.budget} and --epochs "
            raise RecipeError(msg + f"{request.epochs}; choose one")
        parse_budget(request.budget)
    device = named_device(request.device)
    check_device(device)
    if request.out is not None:
        folders.require_empty(Path(request.out))
    net, start, preprocessing = trunk_of(request)
    opened = open_detection(request.data)
    preprocessing = replace(preprocessing, depth=opened.depth)
    for note in opened.notes:
        listener.say(note)
    divided = divide(opened, request.split_seed)
    design = design_of(net, divided.train, request.input_size)
    sets, unusable, train = _load(divided, design.size, listener)
    stored, fingerprint = _stored(request, device), opened.fingerprint()
    address = str(stored.data)
    begins = "" if start is None else f"; it starts from {start.model}"
    reasons = (
        f"sets: {sets.rule}; train {len(sets.train)}, val {len(sets.val)}, test {len(sets.test)}",
        f"images are seen at {design.size[1]}x{design.size[0]} pixels, with anchors of "
        + ", ".join(f"{w:.0f}x{h:.0f}" for h, w in design.anchors),
        *limits(design, *_sides(divided.train), asked=request.input_size is not None),
        f"the trunk is {net.name} up to {design.taps[-1]}; features from {', '.join(design.taps)}"
        + begins,
    )
    record = DetectRecord(
        request=stored,
        data=DetectDataFacts(
            address=address,
            layout=opened.layout,
            fingerprint=fingerprint,
            classes=list(opened.classes),
            sets={"train": len(sets.train), "val": len(sets.val), "test": len(sets.test)},
            rule=sets.rule,
            unusable=len(unusable),
            images=opened.fingerprint_of_images(),
        ),
        reasons=reasons,
        recipe=recipe,
        threads=min(torch.get_num_threads(), cores()),
        start=start,
        preprocessing=preprocessing,
        design=design,
    )
    out = None if request.out is None else Path(request.out)
    folder = folders.new_folder(out, address, f"detector-{net.name}")
    rows = [{"path": one.name, "reason": one.reason} for one in unusable]
    folders.write_rows(folder / folders.UNUSABLE, rows, ("path", "reason"))
    write_json(folder / FILE, record.to_json())
    for reason in reasons:
        listener.say(reason)
    if unusable:
        listener.say(f"{len(unusable)} images cannot be used: {folder / folders.UNUSABLE}")
    return DetectSession(folder, record, sets, train, listener, start_time, unusable)


def resume_run(
    folder: Path, data: str | Path | None, listener: Listener, start_time: float
) -> DetectSession:
    """Read the images of a run again.

    Raises:
        RunError: there is no such run, another process works on it, or its images changed.
        DataError: the images are gone.
    """
    record = read_detect_record(folder)
    check_device(record.request.device or "cpu")
    opened = open_detection(record.data["address"] if data is None else data)
    sets = divide_again(folder, opened)
    folders.take(folder)
    sets, unusable, train = _load(sets, record.design.size, listener)
    return DetectSession(folder, record, sets, train, listener, start_time, unusable)


def divide_again(folder: Path, opened: DetectionSet, *, corrected: bool = False) -> DividedSet:
    """The images of a run, divided as the run divided them.

    Args:
        folder: of the run.
        opened: the images.
        corrected: whether boxes and labels may be others.

    Raises:
        RunError: there is no such run, or these are not its images.
        DataError: there are too few images.
    """
    record = read_detect_record(folder)
    same_images = opened.fingerprint_of_images() == record.data.get("images")
    same = opened.fingerprint() == record.data["fingerprint"]
    if not (same or (corrected and same_images)):
        msg = f"{folder}: the images at {opened.address} or their boxes changed since the run began"
        raise RunError(msg + "; put them back as they were, or start another run")
    return divide(opened, record.request.split_seed)


def _stored(request: DetectTrainRequest, device: str) -> DetectTrainRequest:
    """What run.json keeps of a request; its images are found from any folder."""
    return replace(
        request,
        data=str(Path(request.data).expanduser().absolute()),
        settings=several(request.settings),
        from_=None if request.from_ is None else str(request.from_),
        out=None if request.out is None else str(request.out),
        device=device,
        listener=None,
    )


def trunk_of(request: DetectTrainRequest) -> tuple[Net, InitialWeights | None, Preprocessing]:
    """The network whose trunk is used, where its weights come from, and its preprocessing."""
    model = request.from_
    if model is None and request.architecture is None and DEFAULT_MODEL in shipped():
        model = DEFAULT_MODEL
    if model is not None:
        if request.architecture is not None:
            msg = f"--from {model} brings its own architecture; leave --arch out"
            raise RecipeError(msg)
        start, card = inspect_model(model, ())
        net = _for_large_images(card.architecture)
        return net, replace(start, same_classes=True), card.preprocessing
    name = request.architecture or TRUNK
    net = _for_large_images(find(name, side=_TRUNK_SIDE if name == TRUNK else None))
    return net, None, Preprocessing(size=net.image[1])


def _for_large_images(net: Net) -> Net:
    """A network of the catalog with the stem that it has for larger images, if its weights fit it.

    The stem for small images keeps the grid, and would make the trunk four times as slow.
    """
    if net.image[1] >= _TRUNK_SIDE:
        return net
    try:
        larger = find(net.name, side=_TRUNK_SIDE)
    except (SpecError, UnknownNameError):
        return net
    own, other = (
        {name: shape for name, shape in tensors(one) if name.startswith("trunk.")}
        for one in (net, larger)
    )
    return replace(net, trunk=larger.trunk, image=larger.image) if own == other else net


def design_of(net: Net, train: DetectionSet, long_side: int | None) -> Design:
    """The detector for the objects of the training images.

    Raises:
        DataError: there are none.
    """
    sizes = np.array([image.size for image in train], np.int64)
    sides, labels = _sides(train)
    if not len(labels):
        msg = f"{train.address}: no training image has an object; add annotations"
        raise DataError(msg)
    fullest = max(len(image) for image in train)
    return choose_design(net, sizes, sides, labels, fullest=fullest, long_side=long_side)


def _sides(train: DetectionSet) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(objects, 2) height and width, relative to the long side of the image; (objects,) class."""
    sides = [(i.boxes[:, 2:] - i.boxes[:, :2])[:, ::-1] / max(i.size) for i in train]
    return np.concatenate(sides), np.concatenate([image.labels for image in train])


def _load(
    sets: DividedSet, size: tuple[int, int], listener: Listener
) -> tuple[DividedSet, list[Unusable], TrainBoxes]:
    """Read the training images into memory, and leave out images that cannot be decoded.

    Raises:
        DataError: no training image, or no image of val, can be used.
    """
    unusable, usable = list(sets.train.skipped), dict[str, DetectionSet]()
    images: list[tuple[Pixels, Boxes]] = []
    in_memory = _bytes_kept(sets.train, size) < _SHARE_OF_MEMORY * free_bytes()
    for name, of in (("train", sets.train), ("val", sets.val), ("test", sets.test)):
        good = []
        for number, (image, result) in enumerate(_decoded(of, size), 1):
            listener.progress(Progress(what=f"reading {name}", done=number, total=len(of)))
            if isinstance(result, UnusableImage):
                unusable.append(Unusable(image.name, result.reason))
                continue
            good.append(image)
            if name == "train" and in_memory:
                images.append(result)
        usable[name] = replace(of, images=tuple(good))
    for name in ("train", "val"):
        if not len(usable[name]):
            reason = unusable[-1].reason if unusable else "there is none"
            msg = f"{sets.train.address}: no image of {name} can be used ({reason}); give others"
            raise DataError(msg)
    found = usable["train"]
    labels = [np.where(image.difficult, IGNORED, image.labels) for image in found]
    names = tuple(image.name for image in found)
    train = TrainBoxes(
        names, images if in_memory else DecodedAgain(found.images, size), tuple(labels)
    )
    usable_sets = DividedSet(usable["train"], usable["val"], usable["test"], sets.rule)
    return usable_sets, unusable, train


def _bytes_kept(images: DetectionSet, size: tuple[int, int]) -> int:
    """Bytes of some images as they are kept in memory."""
    most = 3 * LARGER**2 * size[0] * size[1]
    return round(sum(min(most, 3 * image.size[0] * image.size[1]) for image in images))


def _decoded(
    images: Sequence[AnnotatedImage], size: tuple[int, int]
) -> Iterator[tuple[AnnotatedImage, tuple[Pixels, Boxes] | UnusableImage]]:
    """Each image with its pixels as they are kept, or with why it cannot be used."""

    def read(image: AnnotatedImage) -> tuple[Pixels, Boxes] | UnusableImage:
        try:
            return kept(image, size)
        except UnusableImage as error:
            return error

    with ThreadPoolExecutor(cores()) as threads:
        for start in range(0, len(images), _READ_AT_ONCE):
            some = images[start : start + _READ_AT_ONCE]
            yield from zip(some, threads.map(read, some), strict=True)
