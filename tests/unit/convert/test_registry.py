"""Files of any format: which format it is, which model becomes of it, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import caffe_writer
import numpy as np
import pytest
from safetensors.numpy import save_file

from inceptionkit.catalog import architecture
from inceptionkit.convert import caffe, tf_slim
from inceptionkit.convert.registry import (
    FORMATS,
    beside,
    format_of,
    imagenet_classes,
    import_weights,
    name_classes,
    read_weights,
)
from inceptionkit.convert.rename import rename
from inceptionkit.errors import WeightsError
from inceptionkit.spec import tensors

State = Callable[..., dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def file(state_of: State, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GoogLeNet of torchvision for five classes, without exits."""
    path = tmp_path_factory.mktemp("weights") / "flowers.safetensors"
    save_file({n: v for n, v in state_of().items() if not n.startswith("aux")}, path)
    return path


def refusal(source: str | Path, names: tuple[str, ...] | None = None) -> str:
    with pytest.raises(WeightsError) as caught:
        import_weights(source, names)
    return str(caught.value).removeprefix(f"{source}: ")


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("a.pth", "PyTorch"),
        ("pytorch_model.bin", "PyTorch"),
        ("A.PT", "PyTorch"),
        ("model_best.pth.tar", "PyTorch"),
        ("model.safetensors", "safetensors"),
        ("a.weights.h5", "Keras"),
        ("a.keras", "Keras"),
        ("inception_v3.ckpt", "TensorFlow"),
        ("model.ckpt-157585", "TensorFlow"),
        ("model.ckpt.index", "TensorFlow"),
        ("model.ckpt.data-00000-of-00001", "TensorFlow"),
        ("bvlc_googlenet.caffemodel", "Caffe"),
    ],
)
def test_the_format_is_told_by_the_name(name: str, format_: str) -> None:
    assert format_of(Path(name)).name == format_


def test_a_file_becomes_a_model(file: Path) -> None:
    imported = import_weights(file)

    assert imported.card.classes == tuple(f"class_000{i}" for i in range(5))
    assert (imported.named, imported.background, imported.untrained) == ("numbered", False, ())
    assert imported.card.origin["file"] == "flowers.safetensors"
    assert imported.card.origin["kind"] == "safetensors"
    assert imported.card.architecture.image == (3, 224, 224)


def drawn(net: str, classes: int) -> dict[str, np.ndarray]:
    """Random tensors under our names."""
    random = np.random.default_rng(0)
    shapes = tensors(architecture(net, classes=classes))
    return {name: random.random(shape, np.float32) for name, shape in shapes}


@pytest.mark.parametrize(
    ("net", "named"), [("googlenet", "ImageNet"), ("bn_inception", "numbered")]
)
def test_a_caffemodel_becomes_a_model(tmp_path: Path, net: str, named: str) -> None:
    theirs = next(one for one in caffe.CHECKPOINTS if one.name == net)
    expected = drawn(net, 1000)
    blobs = caffe_writer.blobs(architecture(net), expected, theirs.rules, bgr=True)
    path = tmp_path / "new.caffemodel"
    path.write_bytes(caffe_writer.caffemodel(blobs))
    imported = import_weights(path)

    assert imported.card.architecture == architecture(net)
    assert (imported.format, imported.named) == ("Caffe", named)
    assert imported.tensors.keys() == expected.keys()
    assert np.array_equal(
        imported.tensors["trunk.conv3.conv.weight"], expected["trunk.conv3.conv.weight"]
    )


@pytest.mark.parametrize("given", ["", ".index", ".data-00000-of-00001"])
def test_a_checkpoint_of_tensorflow_becomes_a_model(tmp_path: Path, given: str) -> None:
    """Any of its files will do, and what their names have in common; so will the old form."""
    writer = pytest.importorskip("checkpoint_writer", reason="google-crc32c is not installed")
    theirs = next(one for one in tf_slim.CHECKPOINTS if one.name == "googlenet:tf_slim")
    expected = drawn(theirs.name, 1001)
    variables = {
        rename(name, theirs.rules): value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
        for name, value in expected.items()
    }
    logits = rename("head.2.fc.weight", theirs.rules)
    variables[logits] = variables[logits].T[None, None]  # a 1x1 convolution there
    writer.write_bundle(tmp_path / "model.ckpt", variables)
    imported = import_weights(tmp_path / f"model.ckpt{given}")

    assert imported.card.classes == imagenet_classes()
    assert (imported.format, imported.background) == ("TensorFlow", True)
    assert np.array_equal(imported.tensors["head.2.fc.weight"], expected["head.2.fc.weight"][1:])


def test_names_are_taken_as_given(file: Path) -> None:
    names = ("daisy", "dandelion", "rose", "sunflower", "tulip")
    imported = import_weights(file, names)

    assert (imported.card.classes, imported.named) == (names, "given")
    assert refusal(file, names[:4]) == (
        "4 names of classes for a network with 5; give one for each"
    )


def test_a_thousand_classes_are_imagenets_but_where_the_order_is_another() -> None:
    caffe = next(f for f in FORMATS if f.name == "Caffe")

    assert name_classes(architecture("googlenet"), caffe, None) == (imagenet_classes(), "ImageNet")
    assert name_classes(architecture("bn_inception"), caffe, None)[1] == "numbered"


def test_a_model_folder_is_read_as_before_and_a_file_is_not_taken_for_one(
    file: Path, tmp_path: Path
) -> None:
    assert read_weights(file)[0] == import_weights(file).card
    with pytest.raises(WeightsError, match="no such model; give a model folder or a run folder"):
        read_weights(tmp_path / "nowhere")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")

    assert refusal(tmp_path) == "is a model folder already; give a weights file"
    (tmp_path / "model.json").unlink()
    assert refusal(tmp_path) == "is a folder; give a weights file"
    assert refusal(tmp_path / "x.pth").startswith(
        "no such file; give a weights file, or one of torchvision/googlenet, "
    )


def test_a_file_of_another_kind_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"x")

    assert refusal(tmp_path / "x.onnx") == (
        "not a weights file by its name; known formats are PyTorch (*.pth, *.pt, *.bin, "
        "*.pth.tar); safetensors (*.safetensors); Keras (*.h5, *.keras); "
        "TensorFlow (*.ckpt, *.ckpt-*, *.index, *.data-*); Caffe (*.caffemodel)"
    )


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pretended: root may read everything."""
    (tmp_path / "x.pth").write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)

    assert refusal(tmp_path / "x.pth") == (
        "cannot be read (Permission denied); check the file and its permissions"
    )


def test_weights_that_are_not_finite_are_refused(state_of: State, tmp_path: Path) -> None:
    state = state_of()
    state["inception5b.branch1.bn.running_var"][3] = np.nan
    path = tmp_path / "x.safetensors"
    save_file(state, path)

    assert refusal(path) == (
        "1 tensors hold values that are not finite, the first is "
        "trunk.inception5b.p1.0.bn.running_var; the file is damaged, or its training failed"
    )


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("runs/a/model", "runs/a/model-onnx"),
        ("w.pth", "w.pth-onnx"),
        ("torchvision/googlenet", "googlenet-onnx"),  # an id of released weights
        (".", "here-onnx"),
    ],
)
def test_what_is_made_of_a_model_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, place: str
) -> None:
    here = tmp_path / "here"
    (here / "runs" / "a" / "model").mkdir(parents=True)
    (here / "w.pth").touch()
    monkeypatch.chdir(here)
    expected = tmp_path / place if model == "." else Path(place)

    assert beside(model, "onnx") == expected


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ["last.ckpt", "model_best.pth.tar"])
@pytest.mark.parametrize("prefix", ["model.", "net.module.", ""])
def test_checkpoints_of_lightning_and_of_training_scripts_are_read(
    state_of: State, tmp_path: Path, prefix: str, name: str, *, zipped: bool
) -> None:
    torch = pytest.importorskip("torch")
    state = state_of()
    checkpoint = {
        "epoch": 3,
        "global_step": 12,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"{prefix}{n}": torch.from_numpy(v) for n, v in state.items()},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5)}},
        "optimizer_states": [{"state": {}, "param_groups": [{"lr": 0.1, "params": [0]}]}],
        "lr_schedulers": [],
        "hyper_parameters": {"lr": 0.1},
    }
    torch.save(checkpoint, tmp_path / name, _use_new_zipfile_serialization=zipped)
    save_file(state, tmp_path / "plain.safetensors")

    found, plain = (import_weights(tmp_path / one) for one in (name, "plain.safetensors"))
    assert found.format == "PyTorch"
    assert found.card.architecture == plain.card.architecture
    assert all(np.array_equal(found.tensors[n], plain.tensors[n]) for n in plain.tensors)


def test_a_name_of_a_thousand_parts_is_no_obstacle(tmp_path: Path) -> None:
    save_file({".".join("a" * 5000): np.ones(3, np.float32)}, tmp_path / "x.safetensors")

    assert "none of the networks that are known" in refusal(tmp_path / "x.safetensors")


def test_the_tensors_of_a_model_of_ours_stand_for_its_folder(
    tiny_model: Path, tmp_path: Path
) -> None:
    path = tiny_model / "model.safetensors"

    assert read_weights(path)[0] == read_weights(tiny_model)[0]

    alone = tmp_path / "model.safetensors"
    alone.write_bytes(path.read_bytes())
    assert "give its folder, with model.json in it" in refusal(alone)
