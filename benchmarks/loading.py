"""Feeding a network: photographs from encoded bytes to a batch, and small images from memory.

Photographs: decoded, cropped at random to 224 pixels, mirrored, normalized and batched, on one
core, by us and by the usual pipeline: Pillow decodes, torchvision's transforms v2 crop and mirror
the Pillow image, a DataLoader batches. The same again with colors distorted on the way.
Small images: the share of an update of the compact network that making its batch takes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from io import BytesIO
from pathlib import Path
from time import process_time
from types import ModuleType
from typing import Any

import numpy as np
import torch
from decoders import decoders
from hardware import RESULTS, hardware, quartiles, table, write
from peers import PeerMissingError, torchvision_models
from photographs import Case, large_photos, photographs
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from turns import Side, measure

from inceptionkit.catalog import architecture
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.data.rng import CounterRng
from inceptionkit.data.transforms.augmentation import Augmentation, Cropping, Photometric
from inceptionkit.data.transforms.pipeline import augment
from inceptionkit.data.transforms.random_crop import crops_from_encoded, draw_boxes
from inceptionkit.preprocess import Box, Preprocessing, crop_from_encoded, decode
from inceptionkit.training.execution import Execution
from inceptionkit.training.loop import load_batch, train_step
from inceptionkit.training.recipe import MODERN, override
from inceptionkit.training.run.process import keep_memory
from inceptionkit.training.state import TrainConfig, new_state

SIDE = 224
GPU = 4_000  # images per second that a GPU may train at
STRENGTH = 0.4  # of the photometric distortion
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PREPROCESSING = Preprocessing(size=SIDE, mean=MEAN, std=STD)
OURS, USUAL, TENSORS = (
    "inceptionkit",
    "torchvision v2 on the Pillow image",
    "torchvision v2 on tensors",
)
FLOORS = {"photographs": 1.5, "12-megapixel photographs": 2.5}  # times as fast as the usual one
SHARE = 0.05  # of an update that its batch may take
USUALLY = ("crops", "crops, mixup", "padding=4")  # what is held to it
SMALL = {
    "crops": ("area_low=0.5",),
    "crops, mixup": ("area_low=0.5", "mixup=0.2"),
    "padding=4": ("crop=padded", "padding=4"),
    "policy=trivial erasing=0.25 padding=4": (
        "policy=trivial",
        "erasing=0.25",
        "crop=padded",
        "padding=4",
    ),
    "policy=inception interpolation=random": (
        "policy=inception",
        "interpolation=random",
        "area_low=0.5",
    ),
}


class Encoded(Dataset[tuple[Tensor, int]]):
    """Photographs as torchvision's `ImageFolder` decodes them, transformed."""

    def __init__(self, raws: Sequence[bytes], transform: Callable[[Image.Image], Tensor]) -> None:
        self.raws = raws
        self.transform = transform

    def __len__(self) -> int:
        return len(self.raws)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(BytesIO(self.raws[index])) as image:
            return self.transform(image.convert("RGB")), 0


def ours(case: Case, *, distorted: bool) -> Callable[[], Tensor]:
    """Our batches, one after the other."""
    how = Augmentation(flip="random", policy=Photometric(STRENGTH) if distorted else None)
    cropping = Cropping(how=how, side=SIDE, seed=0, epoch=0)
    turns = case.turns()

    def step() -> Tensor:
        turn = next(turns)
        indices = np.array(turn, np.int64)
        crops, _ = crops_from_encoded([case.raws[i] for i in turn], cropping, indices)
        rng = CounterRng(cropping.seed, cropping.epoch, indices)
        return augment(torch.from_numpy(crops).permute(0, 3, 1, 2), how, PREPROCESSING, rng)

    return step


def theirs(case: Case, v2: ModuleType, *, distorted: bool, tensors: bool) -> Callable[[], Tensor]:
    """Torchvision's batches, one after the other."""
    jitter = [v2.ColorJitter(STRENGTH, STRENGTH, STRENGTH)] if distorted else []
    change = [v2.RandomResizedCrop(SIDE, antialias=True), v2.RandomHorizontalFlip(), *jitter]
    steps = [v2.PILToTensor(), *change] if tensors else [*change, v2.PILToTensor()]
    finish = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    turns = case.turns()
    order = (i for turn in turns for i in turn)
    loader = DataLoader(
        Encoded(case.raws, v2.Compose([*steps, *finish])), case.batch, sampler=Endless(order)
    )
    batches = iter(loader)
    return lambda: next(batches)[0]


class Endless(torch.utils.data.Sampler[int]):
    """Indices that somebody else chooses."""

    def __init__(self, order: Iterator[int]) -> None:
        self.order = order

    def __iter__(self) -> Iterator[int]:
        return self.order


def race(case: Case, v2: ModuleType, rounds: int) -> list[dict[str, Any]]:
    """Time all sides on one kind of photographs."""
    print(f"{case.name}: {len(case.raws)} photographs", file=sys.stderr, flush=True)
    sides = [
        Side(f"{name}{', colors distorted' if distorted else ''}", name, step(distorted=distorted))
        for distorted in (False, True)
        for name, step in (
            (OURS, partial(ours, case)),
            (USUAL, partial(theirs, case, v2, tensors=False)),
            (TENSORS, partial(theirs, case, v2, tensors=True)),
        )
    ]
    seconds = measure(sides, rounds, process_time)
    rows = []
    for one in sides:
        base = seconds[one.name.replace(one.says, OURS)]
        ratios = [theirs / ours for theirs, ours in zip(seconds[one.name], base, strict=True)]
        low, middle, high = quartiles(seconds[one.name])
        rows.append(
            {
                "photographs": case.name,
                "side": one.name,
                "image_ms": 1e3 * middle / case.batch,
                "image_ms_quartiles": [1e3 * low / case.batch, 1e3 * high / case.batch],
                "images_per_second": case.batch / middle,
                "ours_as_multiple": quartiles(ratios)[1],
                "ours_as_multiple_quartiles": list(quartiles(ratios)[::2]),
                "floor": FLOORS[case.name] if one.says == USUAL else None,
                "cores_for_gpu": GPU * middle / case.batch,
            }
        )
    return rows


def same_crops(v2: ModuleType, count: int = 20_000) -> dict[str, Any]:
    """Quartiles of area and of log-aspect of both sides' crops of a 430x320 photograph."""
    wide, tall = 430, 320
    boxes = draw_boxes(
        Augmentation(), np.full(count, wide / tall), CounterRng(0, 0, np.arange(count))
    )
    torch.manual_seed(0)
    crop, blank = v2.RandomResizedCrop(SIDE), [torch.zeros(3, tall, wide)]
    drawn = [crop.make_params(blank) for _ in range(count)]
    sizes = {
        OURS: (boxes.height * tall, boxes.width * wide),
        USUAL: tuple(np.array([one[key] for one in drawn], float) for key in ("height", "width")),
    }
    return {
        name: {
            "area": quartiles((height * width / (wide * tall)).tolist()),
            "log_aspect": quartiles(np.log(width / height).tolist()),
        }
        for name, (height, width) in sizes.items()
    }


def agreement(case: Case) -> dict[str, float]:
    """By how many grey levels our crops differ from crops of the whole decoded photograph."""
    boxes = draw_boxes(Augmentation(), np.full(24, 4 / 3), CounterRng(0, 0, np.arange(24)))
    means = []
    for place in range(24):
        raw, box = case.raws[place % len(case.raws)], boxes.box(place)
        found = crop_from_encoded(raw, box, SIDE).astype(float)
        means.append(float(np.abs(found - cut_whole(raw, box)).mean()))
    return {"mean_levels": float(np.mean(means)), "worst_mean_levels": max(means)}


def cut_whole(raw: bytes, box: Box) -> np.ndarray:
    """The crop of a photograph that was decoded whole."""
    image = Image.fromarray(decode(raw))
    left, top = box.left * image.width, box.top * image.height
    right = min(image.width, left + box.width * image.width)
    bottom = min(image.height, top + box.height * image.height)
    square = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    return np.asarray(square, float)


def small_images(rounds: int) -> list[dict[str, Any]]:
    """The share of an update on images of CIFAR-10's size that making its batch takes."""
    count = 10_000
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (count,), generator=generator)
    images = Images(pixels, labels, np.ones(count), tuple(map(str, range(count))))
    rows = []
    for name, settings in SMALL.items():
        job = TrainConfig(
            net=architecture("compact", classes=10, input=32),
            recipe=override(MODERN, settings),
            execution=Execution(precision="bf16", threads=torch.get_num_threads()),
            preprocessing=Preprocessing(size=32),
            train=images,
            val=images,
            seed=0,
        )
        whole, batch = time_update(job, rounds)
        shares = [made / done for made, done in zip(batch, whole, strict=True)]
        rows.append(
            {
                "settings": name,
                "batch": job.batch,
                "update_ms": 1e3 * quartiles(whole)[1],
                "loader_ms": 1e3 * quartiles(batch)[1],
                "share": quartiles(shares)[1],
                "share_quartiles": list(quartiles(shares)[::2]),
                "ceiling": SHARE if name in USUALLY else None,
            }
        )
    return rows


def time_update(job: TrainConfig, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of updates, and of making their batches alone, in turn."""
    state, random = new_state(job), np.random.default_rng(0)
    whole, batch = [], []
    for turn in range(rounds + 1):
        indices = random.permutation(len(job.train))[: job.batch].astype(np.int64)
        began = process_time()
        float(train_step(job, state, indices, job.cropping(0), lr=0.0).loss)
        done = process_time()
        load_batch(job, indices, job.cropping(0))
        if turn:  # the first one builds kernels
            whole.append(done - began)
            batch.append(process_time() - done)
    return whole, batch


def markdown(
    races: Sequence[dict[str, Any]],
    small: Sequence[dict[str, Any]],
    decoded: Sequence[dict[str, Any]],
) -> str:
    """Three tables: photographs, small images, and decoders."""
    heads = ("on one core", "photographs", "an image", "ours is", "floor", f"cores for {GPU:,}/s")
    lines = []
    for row in races:
        low, high = row["ours_as_multiple_quartiles"]
        mine = row["side"].startswith(OURS)
        ratio = f"{row['ours_as_multiple']:.2f}x ({low:.2f} to {high:.2f})"
        lines.append(
            (
                row["side"],
                row["photographs"],
                f"{row['image_ms']:.2f} ms",
                "" if mine else ratio,
                f"{row['floor']}x" if row["floor"] else "",
                f"{row['cores_for_gpu']:.1f}",
            )
        )
    text = table(heads, lines)
    heads = (
        "batches of the compact network at 32 px",
        "an update",
        "its batch",
        "share",
        "at most",
    )
    lines = [
        (
            row["settings"],
            f"{row['update_ms']:.0f} ms",
            f"{row['loader_ms']:.1f} ms",
            f"{row['share']:.1%}",
            f"{row['ceiling']:.0%}" if row["ceiling"] else "",
        )
        for row in small
    ]
    text += "\n" + table(heads, lines)
    heads = ("decoding to an array", "photographs", "at", "an image")
    lines = [
        (row["decoder"], row["photographs"], f"1/{row['scale']}", f"{row['image_ms']:.2f} ms")
        for row in decoded
    ]
    return text + "\n" + table(heads, lines)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare ways of feeding a network.")
    parser.add_argument("--photos", type=Path, help="folder or Parquet of JPEG photographs")
    parser.add_argument("--rounds", type=int, default=15, help="batches of each side")
    parser.add_argument(
        "--large", type=int, default=8, help="12-megapixel photographs to make, 0 for none"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Measure; 1 if a floor is missed, 2 if torchvision cannot be imported."""
    given = arguments()
    keep_memory()  # as training does; all sides gain by it
    torch.set_num_threads(1)
    try:
        torchvision_models()
        v2 = import_module("torchvision.transforms.v2")
    except PeerMissingError as error:
        print(f"loading: {error}", file=sys.stderr)
        return 2
    made = Case("12-megapixel photographs", large_photos(given.large), given.large)
    cases = [photographs(given.photos, 512)] if given.photos else []
    cases += [made] if given.large else []
    races = [row for case in cases for row in race(case, v2, given.rounds)]
    small = small_images(given.rounds)
    decoded = [row for case in cases for row in decoders(case, given.rounds)]
    result = {
        "rounds": given.rounds,
        "races": races,
        "small_images": small,
        "file_bytes": {case.name: sum(map(len, case.raws)) / len(case.raws) for case in cases},
        "crops": same_crops(v2),
        "agreement": {case.name: agreement(case) for case in cases},
        "decoders": decoded,
        "torchvision": sys.modules["torchvision"].__version__,
        "hardware": hardware(),
    }
    write(given.results, "loading", result)
    lines = markdown(races, small, decoded)
    (given.results / "loading.md").write_text(lines, encoding="utf-8")
    print(lines, end="")
    slow = [row for row in races if row["floor"] and row["ours_as_multiple"] < row["floor"]]
    heavy = [row for row in small if row["share"] > (row["ceiling"] or 1)]
    return 1 if slow or heavy else 0


if __name__ == "__main__":
    sys.exit(main())
