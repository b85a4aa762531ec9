"""OpenCV runs the network that Caffe would; ours, adopted from the same file, gives its scores."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import caffe_writer
import numpy as np
import pytest
import torch
from telling import arrays, filled, scores_of, shake, spread_scores

from inceptionkit.catalog import architecture
from inceptionkit.convert import caffe
from inceptionkit.convert.formats.caffe import read
from inceptionkit.network import build

pytestmark = pytest.mark.peer

CLOSE = 1e-4  # another framework: the order of sums differs
CHECKPOINTS = {one.name: one for one in caffe.CHECKPOINTS}
MEANS_BGR = (104, 117, 123)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("name", "old"),
    [(name, old) for name in CHECKPOINTS for old in (False, True) if not (old and "bn" in name)],
)
def test_a_caffemodel_gives_the_scores_that_opencv_computes(
    opencv: ModuleType, pictures: Callable, tmp_path: Path, name: str, old: bool
) -> None:
    """With local normalization, pools that round up, batch norm in two layers, and every exit.

    In both forms of the file; batch norm is younger than the old one.
    """
    theirs = CHECKPOINTS[name]
    bgr = theirs.color == "BGR"
    net = architecture(name, classes=100)
    pixels = pictures(theirs.preprocessing, 4)
    images = torch.from_numpy(theirs.preprocessing.normalize(pixels))
    model = spread_scores(shake(build(net), images), images)
    text, scores = caffe_writer.prototxt(net, theirs.rules)
    blobs = caffe_writer.blobs(net, arrays(model), theirs.rules, bgr=bgr)
    (tmp_path / "net.prototxt").write_text(text)
    (tmp_path / "net.caffemodel").write_bytes(caffe_writer.caffemodel(blobs, old=old))
    peer = opencv.dnn.readNetFromCaffe(
        str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel")
    )
    peer.enableWinograd(False)  # whose 3x3 convolutions lose a decimal

    adopted = caffe.convert(read(tmp_path / "net.caffemodel"), where="net.caffemodel")
    ours = filled(adopted)

    assert adopted.net == net
    for batch in (1, 4):
        seen = pixels[:batch, ..., ::-1] if bgr else pixels[:batch]
        means = MEANS_BGR if bgr else (0, 0, 0)
        peer.setInput(opencv.dnn.blobFromImages(np.ascontiguousarray(seen), mean=means))
        expected = dict(zip(scores, peer.forward(list(scores.values())), strict=True))
        found = scores_of(ours, torch.from_numpy(adopted.preprocessing.normalize(pixels[:batch])))

        assert found.keys() == expected.keys() == {"main", *(e.name for e in net.exits)}
        for exit_, values in found.items():
            wanted = expected[exit_].reshape(batch, -1)

            assert batch == 1 or wanted.std(axis=0).mean() > 0.01, "scores must depend on the image"
            np.testing.assert_allclose(values, wanted, rtol=0, atol=CLOSE)
