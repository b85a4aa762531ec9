"""Suspected label errors: images whose label a model that never saw them disagrees with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inceptionkit.data import Dataset, Sets, survey
from inceptionkit.data.loading.in_memory import Images, TrainImages
from inceptionkit.data.loading.sets import SplitDataset, balance, load_sets
from inceptionkit.data.loading.unkept import ScoredImages
from inceptionkit.data.quality.near_duplicates import Group
from inceptionkit.data.quality.scan import Scan
from inceptionkit.data.rng import uniform
from inceptionkit.errors import DataError
from inceptionkit.evaluation.inference import predict_all_exits
from inceptionkit.machine import cores
from inceptionkit.network.build import named_device
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener, Progress
from inceptionkit.training.autotune import candidates, time_evaluation, time_steps
from inceptionkit.training.defaults import choose_net, choose_recipe
from inceptionkit.training.execution import fastest
from inceptionkit.training.loop import train
from inceptionkit.training.run.process import fast_cpu_settings
from inceptionkit.training.schedule import Plan
from inceptionkit.training.state import TrainConfig, new_state

EPOCHS = 15  # of each short training
SIDES = (32, 64)  # pixels: inputs between these, for what label is wrong shows at a small size
_VALIDATED = 64  # held-out images that are scored after each epoch


@dataclass(frozen=True, slots=True)
class Doubt:
    """An image whose label a held-out model disagrees with."""

    index: int  # of the sample
    label: int  # as given
    guess: int
    probability: float  # of the guess
    label_probability: float

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """As `check --json` prints it."""
        return {
            "path": dataset.samples.names[self.index],
            "label": dataset.classes[self.label],
            "guess": dataset.classes[self.guess],
            "probability": self.probability,
            "label_probability": self.label_probability,
            "margin": self.label_probability - self.probability,
        }


def suspected(
    found: Scan, groups: Sequence[Group], *, folds: int, seed: int, listener: Listener
) -> tuple[Doubt, ...]:
    """Images whose out-of-fold prediction disagrees with their label, least likely label first.

    The worst is the one whose label has the least probability: that finds more flipped labels than
    the margin to the guess, or thresholds for each class (docs/how-to/check.md).

    Args:
        found: the images.
        groups: near-duplicates, which stay in one fold.
        folds: how many trainings; each leaves out another share of the images.
        seed: of the folds and the trainings.
        listener: is told how long it will take, and how far it is.

    Raises:
        DataError: there are not two classes, or fewer images than folds.

    Sources:
        Self-confidence: C. Northcutt, L. Jiang, I. Chuang (2021), Confident learning: estimating
        uncertainty in dataset labels, JAIR 70, arXiv:1911.00068, section 3.2.
    """
    probabilities = out_of_fold(found, groups, folds=folds, seed=seed, listener=listener)
    labels = found.dataset.samples.labels[found.usable].astype(np.int64)
    guesses, given = probabilities.argmax(1), probabilities[np.arange(len(labels)), labels]
    return tuple(
        Doubt(
            int(found.usable[at]),
            int(labels[at]),
            int(guesses[at]),
            float(probabilities[at, guesses[at]]),
            float(given[at]),
        )
        for at in np.argsort(given, kind="stable").tolist()
        if guesses[at] != labels[at]
    )


def out_of_fold(
    found: Scan, groups: Sequence[Group], *, folds: int, seed: int, listener: Listener
) -> NDArray[np.float32]:
    """Probabilities of each usable image, (images, classes), by a model that never saw it.

    Raises:
        DataError: as `suspected` does.
    """
    template = _base_config(found, folds, seed, listener)
    fold = fold_numbers(found, groups, folds=folds, seed=seed)
    answers = np.zeros((len(fold), len(found.dataset.classes)), np.float32)
    with fast_cpu_settings():
        template = _timed(template, folds, listener)
        torch.set_num_threads(template.execution.threads)
        for number in range(folds):
            held_out = np.flatnonzero(fold == number)
            others = _subset(_resident(template.train, found), np.flatnonzero(fold != number))
            every = _resident(template.val, found)
            val = _subset(every, held_out[:_VALIDATED])
            config = _balanced(replace(template, val=val), others, answers.shape[1])
            answers[held_out] = _fold(
                config, every.pixels[torch.from_numpy(held_out)], number, folds, listener
            )
    return answers


def fold_numbers(
    found: Scan, groups: Sequence[Group], *, folds: int, seed: int
) -> NDArray[np.int64]:
    """The fold in which each usable image is held out: alike in every class, copies together."""
    usable = found.usable
    labels = found.dataset.samples.labels[usable]
    order = np.lexsort((uniform(seed, 0, usable, "fold"), labels))
    numbers = np.empty(len(usable), np.int64)
    numbers[order] = np.arange(len(usable)) % folds
    place = {index: at for at, index in enumerate(usable.tolist())}
    for group in groups:
        members = [place[index] for index in group.members]
        numbers[members] = numbers[members[0]]
    return numbers


def _base_config(found: Scan, folds: int, seed: int, listener: Listener) -> TrainConfig:
    """A short training on all images; the folds take parts of it."""
    dataset, usable = found.dataset, found.usable
    present = np.unique(dataset.samples.labels[usable])
    if len(present) < 2 or len(usable) < 2 * folds:
        msg = (
            f"{dataset.address}: {len(usable)} usable images of {len(present)} classes are too few "
            f"for {folds} folds; add images, or leave out --folds"
        )
        raise DataError(msg)
    sets = Sets(train=usable, val=usable, test=usable[:0], rule="every image is held out once")
    sizes = survey(dataset)
    labels = dataset.samples.labels[sets.train]
    opened = SplitDataset(
        dataset=dataset,
        sets=sets,
        sizes=sizes,
        address=dataset.address,
        train_counts=np.bincount(labels, minlength=len(dataset.classes)),
    )
    side = max(SIDES[0], min(sizes.median, SIDES[1]))
    choice = choose_net(
        "compact", side, classes=len(dataset.classes), short_side=sizes.median, gpu=False
    )
    settings = [f"epochs={EPOCHS}", *([] if found.allows_flip else ["flip=none"])]
    recipe, _ = choose_recipe(opened, choice.net, settings)
    preprocessing = Preprocessing(size=side, depth=sizes.depth)
    ready = load_sets(opened, preprocessing, workers=cores(), strict=False, listener=listener)
    executions = candidates(named_device(None), min(torch.get_num_threads(), cores()))
    return TrainConfig(
        net=choice.net,
        recipe=recipe,
        execution=executions[0],
        preprocessing=preprocessing,
        train=ready.train,
        val=ready.val,
        seed=seed,
    )


def _resident(images: TrainImages | ScoredImages, found: Scan) -> Images:
    """Images that must be in memory."""
    if isinstance(images, Images):
        return images
    msg = (
        f"{found.dataset.address}: memory does not hold its images, as --folds needs; give fewer, "
        "or leave out --folds"
    )
    raise DataError(msg)


def _timed(config: TrainConfig, folds: int, listener: Listener) -> TrainConfig:
    """The config with its fastest execution, after reporting how long all of it will take."""
    executions = candidates(config.execution.device, config.execution.threads)
    best = fastest(time_steps(config, executions))
    config = replace(config, execution=best.execution)
    steps = config.recipe.epochs * (config.steps_per_epoch * (folds - 1) // folds)
    scoring = time_evaluation(config, new_state(config)) * (
        len(config.val) / folds + _VALIDATED * EPOCHS
    )
    minutes = folds * (steps * best.step_seconds + scoring) / 60
    listener.say(
        f"label errors: {folds} trainings of {config.recipe.epochs} epochs at "
        f"{config.preprocessing.size} px, about {max(1, round(minutes))} min"
    )
    return config


def _fold(
    config: TrainConfig, pixels: torch.Tensor, number: int, folds: int, listener: Listener
) -> NDArray[np.float32]:
    """Train on one fold's images and answer the others, (images, classes)."""
    state = new_state(config)
    steps = config.recipe.epochs * config.steps_per_epoch
    plan = Plan(
        step=0, steps=steps, progress=0.0, images_per_second=0.0, seconds_left=None, why="a fold"
    )
    state.plans.append(plan)
    for _ in train(config, state):
        done = number * steps + state.step
        listener.progress(
            Progress(what="label errors", done=done, total=folds * steps, unit="steps")
        )
    return predict_all_exits(state.average, pixels, config.preprocessing)["main"]


def _balanced(config: TrainConfig, images: Images, classes: int) -> TrainConfig:
    """The config with these images to train on, balanced as its recipe says."""
    train, weights = balance(config.recipe.batching.balance, images, classes)
    return replace(config, train=train, class_weights=weights)


def _subset(images: Images, places: NDArray[np.int64]) -> Images:
    picked = torch.from_numpy(places)
    names = tuple(images.names[at] for at in places.tolist())
    return Images(images.pixels[picked], images.labels[picked], images.shape[places], names)
