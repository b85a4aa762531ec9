"""Keras saves InceptionV3 in every form it has; ours, adopted from the file, gives its scores."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from telling import filled

from inceptionkit.catalog import architecture
from inceptionkit.convert import keras as importer
from inceptionkit.convert.formats.keras import read
from inceptionkit.spec import with_input

pytestmark = [
    pytest.mark.peer,
    pytest.mark.filterwarnings("ignore"),  # theirs are not ours to mend
]

CLOSE = 1e-4  # another framework: the order of sums differs
CLASSES = 20


def shaken(model: Any, images: np.ndarray) -> Any:
    """Telling weights in every layer, batch norm with the statistics of `images`."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([drawn(random, w) for w in layer.weights])
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
    model(images, training=True)
    return model


def drawn(random: np.random.Generator, variable: Any) -> np.ndarray:
    shape = tuple(variable.shape)
    if len(shape) > 1:
        return random.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape)
    return random.uniform(0.5, 1.0, shape)


@pytest.fixture(scope="module", params=[299, 139])
def model(keras: ModuleType, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An InceptionV3 that is not the first of its session: its layers do not count from 0."""
    side = request.param
    keras.layers.Conv2D(1, 1), keras.layers.BatchNormalization()
    yield keras.applications.InceptionV3(
        weights=None, input_shape=(side, side, 3), classes=CLASSES, classifier_activation=None
    )
    keras.utils.clear_session()


@torch.inference_mode()
def test_each_form_of_file_gives_the_scores_that_keras_computes(
    model: Any, pictures: Callable, tmp_path: Path
) -> None:
    """No gamma, and averages that do not count their padding."""
    side = model.input_shape[1]
    preprocessing = replace(importer.PREPROCESSING, size=side)
    images = preprocessing.normalize(pictures(preprocessing, 4))
    shaken(model, images.transpose(0, 2, 3, 1))
    paths = [tmp_path / name for name in ("model.keras", "model.weights.h5", "model.h5")]
    model.save(paths[0])
    model.save_weights(paths[1])
    model.save(paths[2])

    adopted = [importer.convert(read(path), where=path.name) for path in paths]

    assert [one.net for one in adopted] == 3 * [architecture(importer.NAME, classes=CLASSES)]
    for other in adopted[1:]:
        assert all(np.array_equal(other.tensors[n], v) for n, v in adopted[0].tensors.items())
    ours = filled(replace(adopted[0], net=with_input(adopted[0].net, side)))
    for batch in (1, 4):
        expected = np.asarray(model(images[:batch].transpose(0, 2, 3, 1), training=False))
        found = ours(torch.from_numpy(images[:batch])).main

        assert batch == 1 or expected.std(axis=0).mean() > 0.01, "scores must depend on the image"
        np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE)
