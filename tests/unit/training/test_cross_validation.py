"""Suspected label errors: folds, margins, and that a wrong label is found."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inceptionkit.data import open_dataset
from inceptionkit.data.quality.near_duplicates import Group
from inceptionkit.data.quality.scan import Scan, scan
from inceptionkit.errors import DataError
from inceptionkit.progress import Silence
from inceptionkit.training import cross_validation as label_errors
from inceptionkit.training.cross_validation import fold_numbers, suspected
from inceptionkit.training.recipe import Batching
from inceptionkit.training.state import TrainConfig

Folder = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def seen(folder: Path | str) -> Scan:
    return scan(open_dataset(folder), threads=1)


def test_labels_that_would_not_be_given_are_doubted_the_least_likely_first(
    photos: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4], [0.8, 0.2]], np.float32)
    monkeypatch.setattr(label_errors, "out_of_fold", lambda *_, **__: answers)
    found = seen(photos(("dark", "light"), each=2))
    doubts = suspected(found, (), folds=2, seed=0, listener=Silence())

    assert [one.index for one in doubts] == [3, 1, 2]
    assert [(one.label, one.guess) for one in doubts] == [(1, 0), (0, 1), (1, 0)]
    assert [one.probability for one in doubts] == pytest.approx([0.8, 0.7, 0.6])
    assert [one.label_probability for one in doubts] == pytest.approx([0.2, 0.3, 0.4])


def test_every_fold_has_every_class_and_copies_share_one() -> None:
    digits = seen("digits")
    group = Group((3, 700, 1700), exact=False, mirrored=False)
    folds = fold_numbers(digits, [group], folds=5, seed=0)
    counts = np.zeros((5, 10), int)
    np.add.at(counts, (folds, digits.dataset.samples.labels), 1)

    assert counts.min() >= 33
    assert counts.max() <= 39
    assert len(set(folds[list(group.members)].tolist())) == 1
    assert (fold_numbers(digits, [group], folds=5, seed=1) != folds).any()


def nearest_mean(job: TrainConfig, pixels: torch.Tensor, *_: object) -> np.ndarray:
    """Probabilities of a classifier that is trained in no time, from the images of `job` alone."""
    mean = [job.train.pixels[job.train.labels == label].float().mean((0, 2, 3)) for label in (0, 1)]
    distance = torch.cdist(pixels.float().mean((2, 3)), torch.stack(mean))
    return (-distance).softmax(1).numpy()


def test_a_wrong_label_comes_first(photos: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_errors, "_fold", nearest_mean)
    monkeypatch.setattr(label_errors, "_timed", lambda job, *_: job)
    folder = photos(each=24)
    (folder / "dark" / "3.png").rename(folder / "light" / "wrong.png")
    found = seen(folder)
    (doubt,) = suspected(found, (), folds=4, seed=0, listener=Silence())
    said = doubt.to_json(found.dataset)

    assert (said["path"], said["label"], said["guess"]) == ("light/wrong.png", "light", "dark")
    assert said["probability"] > 0.9
    assert said["label_probability"] == pytest.approx(1 - said["probability"])
    assert said["margin"] == pytest.approx(1 - 2 * said["probability"])


def test_classes_of_unequal_size_are_balanced_in_every_fold(
    photos: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = []

    def note(job: TrainConfig, pixels: torch.Tensor, *_: object) -> np.ndarray:
        jobs.append(job)
        return np.zeros((len(pixels), 2), np.float32)

    monkeypatch.setattr(label_errors, "_fold", note)
    monkeypatch.setattr(label_errors, "_timed", lambda job, *_: job)
    folder = photos(each=24)
    for number in range(8, 24):
        (folder / "light" / f"{number}.png").unlink()
    suspected(seen(folder), (), folds=2, seed=0, listener=Silence())
    taken = [job.train.labels[job.train.order(0, 0) % len(job.train)].bincount() for job in jobs]

    assert [job.train.labels.bincount().tolist() for job in jobs] == [[12, 4], [12, 4]]
    assert [counts.tolist() for counts in taken] == [[8, 8], [8, 8]]


def test_a_recipe_that_weighs_mistakes_does_so_in_a_fold(photos: Folder) -> None:
    job = label_errors._base_config(seen(photos(each=24)), 2, 0, Silence())
    job = replace(job, recipe=replace(job.recipe, batching=Batching(balance="loss")))
    part = label_errors._subset(job.train, np.arange(20, 28))  # 4 of each class, and then 2 and 6
    even = label_errors._balanced(job, part, 2)
    uneven = label_errors._balanced(job, label_errors._subset(job.train, np.arange(22, 30)), 2)

    assert even.class_weights.tolist() == [1.0, 1.0]
    assert uneven.class_weights.tolist() == pytest.approx([2.0, 2 / 3])


@pytest.mark.run
@pytest.mark.slow
def test_most_flipped_digits_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_errors, "EPOCHS", 4)
    digits = open_dataset("digits")
    labels = digits.samples.labels.copy()
    labels[::40] = (labels[::40] + 1) % 10
    flipped = replace(digits, samples=replace(digits.samples, labels=labels))
    doubts = suspected(scan(flipped, threads=1), (), folds=2, seed=0, listener=Silence())
    first = [one.index for one in doubts[:45]]

    assert sum(index % 40 == 0 for index in first) >= 36


def test_too_few_images_are_refused(photos: Folder) -> None:
    folder = photos(each=2)
    with pytest.raises(DataError) as caught:
        suspected(seen(folder), (), folds=5, seed=0, listener=Silence())

    assert str(caught.value) == (
        f"{folder}: 4 usable images of 2 classes are too few for 5 folds; "
        "add images, or leave out --folds"
    )
