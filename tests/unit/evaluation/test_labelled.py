"""Copies of images with their labels: where they cannot be written."""

from pathlib import Path

import numpy as np
import pytest

from inceptionkit.errors import WriteError
from inceptionkit.evaluation.labelled import Copies
from inceptionkit.evaluation.predictor import Prediction


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    copies = Copies(tmp_path / "file" / "copies", [])
    found = Prediction("cat", 1.0, "main", 0.0, (("cat", 1.0),))

    with pytest.raises(WriteError):
        copies.draw("a.png", np.zeros((8, 8, 3), np.uint8), found)
