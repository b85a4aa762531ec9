"""Features are what the main classifier reads, whichever engine computes them."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import inceptionkit
from inceptionkit.catalog import architecture
from inceptionkit.deployment.embedding import Embedder, write_embeddings
from inceptionkit.deployment.onnx import embedding
from inceptionkit.errors import DataError
from inceptionkit.evaluation.classifier import load
from inceptionkit.evaluation.inference import network_input
from inceptionkit.network import InceptionNet, build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import classifiers


def classifier_input(model: InceptionNet, images: torch.Tensor) -> np.ndarray:
    """What torch's classifier gets, the mean over its grid."""
    found: list[torch.Tensor] = []
    at = next(at for at in classifiers(model.spec) if at.startswith("head"))
    handle = model.get_submodule(at).register_forward_pre_hook(
        lambda _, args: found.append(args[0])
    )
    with torch.inference_mode():
        model(images)
    handle.remove()
    return found[0].flatten(2).mean(2).numpy() if found[0].ndim == 4 else found[0].numpy()


@pytest.mark.parametrize("name", ["compact", "nin_svhn"])
def test_the_graph_gives_what_torch_gives_its_classifier(name: str) -> None:
    from onnxruntime import InferenceSession

    net = architecture(name)
    model, how = build(net, seed=3).eval(), Preprocessing(size=net.image[1])
    tensors = {n: v.numpy() for n, v in model.state_dict().items() if v.is_floating_point()}
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (3, *net.image[1:], 3), dtype=np.uint8)
    session = InferenceSession(embedding(net, tensors, how).SerializeToString())
    (found,) = session.run(None, {"image": pixels})
    images = network_input(model, how, torch.from_numpy(pixels).permute(0, 3, 1, 2))

    wanted = classifier_input(model, images)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-3 * np.abs(wanted).max()


def test_a_loaded_model_gives_rows_in_order(tiny_model: Path, photos: Callable) -> None:
    files = sorted(photos(each=20).rglob("*.png"))
    bad = files[0].with_name("a.png")
    bad.write_bytes(b"no image")
    rows = list(Embedder(tiny_model).embed([*files[:35], bad, files[35]]))
    model = load(tiny_model)
    fitted = np.stack([model.prepare(np.asarray(inceptionkit_image(f))) for f in files[:36]])
    images = network_input(
        model.model, model.card.preprocessing, torch.from_numpy(fitted).permute(0, 3, 1, 2)
    )

    assert rows[35] == "not an image"
    found = np.stack([row for row in rows if not isinstance(row, str)])
    assert np.allclose(found, classifier_input(model.model, images), atol=1e-3)


def inceptionkit_image(path: Path) -> np.ndarray:
    from inceptionkit.preprocess import as_rgb

    return as_rgb(path)


ROWS = [np.array([1.0, 2.0], np.float32), "not an image", np.array([3.0, 4.0], np.float32)]
NAMES = ["a,b.png", "no\u200d.png", "c.png"]


def test_an_array_has_the_usable_rows_and_a_listing_names_every_image(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "x.npy", NAMES, ROWS)

    assert np.load(tmp_path / "x.npy").tolist() == [[1, 2], [3, 4]]
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[1:] == [
            ["0", NAMES[0], ""],
            ["", NAMES[1], "not an image"],
            ["1", NAMES[2], ""],
        ]


def test_a_table_has_a_row_for_every_image(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "x.parquet", NAMES, ROWS)
    found = pq.read_table(tmp_path / "x.parquet").to_pylist()

    assert [row["path"] for row in found] == NAMES
    assert [row["embedding"] for row in found] == [[1, 2], None, [3, 4]]
    assert [row["error"] for row in found] == [None, "not an image", None]


def test_the_verb_gives_vectors_and_names_errors(
    tiny_model: Path, photos: Callable, tmp_path: Path
) -> None:
    folder, out = photos(each=3), tmp_path / "x.npy"
    done = inceptionkit.embed(tiny_model, [folder, tmp_path / "none"], out=out)

    assert done.failed
    assert done.errors == {str(tmp_path / "none"): "no such file or folder; check the spelling"}
    assert done.vectors.shape[0] == len(done.images) == 6
    assert done.images == tuple(map(str, sorted(folder.rglob("*.png"))))
    assert np.array_equal(np.load(out), done.vectors)
    assert "vectors" not in done.to_json()
    with pytest.raises(DataError, match=r"x\.npy: is there already"):
        inceptionkit.embed(tiny_model, folder, out=out)
    with pytest.raises(DataError, match=r"a \.npy or a \.parquet file"):
        inceptionkit.embed(tiny_model, folder, out=tmp_path / "x.json")
    with pytest.raises(DataError, match="give the images, too"):
        inceptionkit.embed(tiny_model)
