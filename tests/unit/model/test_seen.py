"""What a model has seen, as hashes in a file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from inceptionkit.errors import WeightsError
from inceptionkit.model import Seen, read_model, seen, write_model
from inceptionkit.model.seen import SEEN, among

LARGE = 2**63


def hashes(*values: int) -> seen.Hashes:
    return np.array(values, np.uint64)


def test_a_hash_is_kept_once_and_nothing_stands_for_no_hash() -> None:
    known = Seen.of(hashes(LARGE + 1, 0, 7, 7), hashes(0))
    again = Seen.from_bytes(known.to_bytes(), "here")

    assert again.trained.tolist() == [7, LARGE + 1]
    assert again.chose.tolist() == []
    assert [known.is_new(value) for value in (0, 7, 8, LARGE + 1, LARGE + 2)] == [1, 0, 1, 0, 1]
    assert among(np.array([[0, 7], [0, 8]], np.uint64), known.trained).tolist() == [True, False]


def test_what_two_have_seen_is_united() -> None:
    both = Seen.of(hashes(3, 1), hashes(5)) | Seen.of(hashes(2, 3), hashes())

    assert both.trained.tolist() == [1, 2, 3]
    assert both.chose.tolist() == [5]


def test_of_very_many_four_bytes_each_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_WHOLE_HASHES", 2)
    high = 2**32
    many = Seen.of(hashes(high, 2 * high, 3 * high), hashes(1))
    both = Seen.of(hashes(9 * high), hashes()) | many

    assert many.trained.dtype == np.uint32
    assert both.trained.tolist() == [1, 2, 3, 9]
    assert [both.is_new(value) for value in (2 * high + 5, 4 * high)] == [False, True]
    assert among(hashes(9 * high + 1, 0)[:, None], both.trained).tolist() == [True, False]


def test_it_lies_beside_the_model_and_is_checked(tiny_model: Path, tmp_path: Path) -> None:
    card, tensors = read_model(tiny_model)
    nothing = card.seen
    known = replace(card, seen=Seen.of(hashes(4), hashes(5)))
    write_model(tmp_path / "model", known, tensors)
    there = read_model(tmp_path / "model")[0].seen
    (tmp_path / "model" / SEEN).write_bytes(b"")

    assert nothing is None
    assert there is not None
    assert there.trained.tolist() == [4]
    with pytest.raises(WeightsError, match="its SHA-256 is not the one in"):
        read_model(tmp_path / "model")


@pytest.mark.parametrize(
    "data",
    [
        b"nothing",
        save({"trained": hashes(1)}),
        save({k: np.zeros(3) for k in ("trained", "chose")}),
    ],
)
def test_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(WeightsError, match=r"here: .*; copy the model folder again"):
        Seen.from_bytes(data, "here")
