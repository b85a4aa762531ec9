"""What a run takes over from the model that it starts from."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from inceptionkit.convert.registry import read_weights
from inceptionkit.errors import RunError, UnknownNameError
from inceptionkit.spec import with_classes
from inceptionkit.training.run.initial_weights import inspect_model


@pytest.fixture
def theirs(state_of: Callable, tmp_path: Path) -> Path:
    """A file of torchvision's: GoogLeNet for five classes, with its auxiliary classifiers."""
    path = tmp_path / "flowers.safetensors"
    save_file(state_of(), path)
    return path


def test_a_run_can_inspect_model_a_weights_file(theirs: Path) -> None:
    start, card = inspect_model(theirs, ("a", "b", "c"))
    found = start.tensors(with_classes(card.architecture, 3))
    _, whole = read_weights(theirs)

    assert start.model == str(theirs)
    assert start.sha256 == hashlib.sha256(theirs.read_bytes()).hexdigest()
    assert not start.same_classes
    assert {name for name in whole if name.startswith("trunk.")} <= found.keys()
    assert all((found[name] == whole[name]).all() for name in found)
    assert {name for name in whole.keys() - found.keys() if not name.endswith("bias")} == {
        "head.2.fc.weight", "exits.aux1.4.fc.weight", "exits.aux2.4.fc.weight",
    }  # fmt: skip


def test_of_the_same_classes_everything_is_kept(theirs: Path) -> None:
    classes = read_weights(theirs)[0].classes
    start, card = inspect_model(theirs, classes)

    assert start.same_classes
    assert start.tensors(card.architecture).keys() == read_weights(theirs)[1].keys()


def test_a_file_that_changed_since_is_refused(theirs: Path, state_of: Callable) -> None:
    start, card = inspect_model(theirs, ("a", "b", "c"))
    save_file(state_of(classes=6), theirs)
    with pytest.raises(RunError, match=r"the model changed since the run began; start the run ag"):
        start.tensors(card.architecture)


def test_released_weights_that_nobody_released() -> None:
    with pytest.raises(UnknownNameError, match=r"torchvision/googlnet"):
        inspect_model("torchvision/googlnet", ("a", "b"))
