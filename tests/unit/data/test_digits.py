"""The built-in digits."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inceptionkit.data import decode_sample, open_dataset
from inceptionkit.preprocess import Preprocessing


def test_the_digits_are_the_test_part_of_the_uci_set() -> None:
    dataset = open_dataset("digits")
    counts = np.bincount(dataset.samples.labels).tolist()

    assert dataset.classes == tuple("0123456789")
    assert counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180], "optdigits.names"
    assert not dataset.allows_flip
    assert dataset.samples[3].name == "digits#3"


def test_ink_goes_from_0_to_255_and_becomes_rgb() -> None:
    dataset = open_dataset("digits")
    first = dataset.read(0)

    assert isinstance(first, np.ndarray)
    assert first[0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0], "0 0 5 13 9 1 0 0, times 255 / 16"
    assert decode_sample(dataset, 0).shape == (8, 8, 3)
    assert Preprocessing(size=32).fit(decode_sample(dataset, 0)).shape == (32, 32, 3)


def test_a_path_that_exists_wins_over_the_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog"):
        (tmp_path / "digits" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "digits" / name / "1.png")

    assert open_dataset("digits").classes == ("cat", "dog")
    assert open_dataset("./digits").classes == ("cat", "dog")


def test_the_origin_and_licence_lie_beside_the_data() -> None:
    import inceptionkit.data as module

    origin = (Path(module.__file__).parent / "digits" / "ORIGIN.md").read_text()

    for fact in ("UCI Machine Learning Repository", "10.24432/C50P49", "CC BY 4.0", "1,797"):
        assert fact in origin
