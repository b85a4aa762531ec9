"""Files that other implementations write: read here, they give the same logits, exits included.

Their batch norm has the statistics of the images, and the images are photographs where there are
some, so that agreement means something. Theirs are normalized as they publish it, ours by what the
importer says: transform_input, BGR and the range 0 to 255 are part of what is compared.
"""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from telling import shake, trunk_outputs
from torch import Tensor, nn

import inceptionkit
from inceptionkit.api.convert import convert
from inceptionkit.convert.hub import RELEASES
from inceptionkit.convert.registry import imagenet_classes, import_weights
from inceptionkit.preprocess import Preprocessing

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]  # theirs are not ours to mend

CLOSE = 1e-4  # on logits between -4 and 4: other orders of sums, through up to 94 convolutions
CLOSE_EXIT = 5e-4  # with these weights the last bit of a normalized pixel alone moves one by 1e-4,
EXACT = 1e-6  # so that exits are compared in float64 too
Answers = Callable[[nn.Module, Tensor], dict[str, Tensor]]
BATCHES = (1, 2, 5)
COUNT = 12  # images; with fewer, some channels of the exits hardly vary, and rounding is magnified
SHARED = Path(__file__).parents[3] / "shared" / "data" / "imagenet-samples"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="session")
def photos() -> list[Image.Image]:
    """Photographs or, where there are none, pictures of noise that is not white."""
    file = next(iter(SHARED.glob("*.parquet")), None)
    if file is not None:
        parquet = pytest.importorskip("pyarrow.parquet")
        rows = parquet.read_table(file, columns=["image"]).take([70 * i for i in range(COUNT)])
        stored = [row["bytes"] for row in rows["image"].to_pylist()]
        return [Image.open(io.BytesIO(data)).convert("RGB") for data in stored]
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (COUNT, 9, 12, 3), np.uint8)
    return [Image.fromarray(pixels).resize((480, 360)) for pixels in small]


def fitted(preprocessing: Preprocessing, photos: list[Image.Image]) -> Tensor:
    """(COUNT, 3, size, size), pixels as a share of 255."""
    pixels = np.stack([preprocessing.fit(np.asarray(photo)) for photo in photos])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def normalized(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    low, wide = (torch.tensor(v, dtype=images.dtype)[:, None, None] for v in (mean, std))
    return (images - low) / wide


def bgr_0_to_255(images: Tensor) -> Tensor:
    return normalized(255 * images.flip(1), (104, 117, 128), (1, 1, 1))


by_imagenet = partial(normalized, mean=MEAN, std=STD)
to_one = partial(normalized, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def assert_same_answers(
    path: Path,
    peer: nn.Module,
    answers: Answers,
    images: Tensor,
    normalize: Callable[[Tensor], Tensor],
) -> inceptionkit.Classifier:
    """Load `path` and compare its logits with what `answers` gives for `peer`, main and exits."""
    ours = inceptionkit.load(path, engine="torch")
    stated = ours.card.preprocessing
    exits = [e.name for e in ours.card.architecture.exits]
    for batch in BATCHES:
        expected = answers(peer, normalize(images[:batch]))
        found = ours.model(normalized(images[:batch], stated.mean, stated.std), exits)

        assert found.exits.keys() | {"main"} == expected.keys()
        torch.testing.assert_close(found.main, expected["main"], rtol=0, atol=CLOSE)
        for name, logits in found.exits.items():
            torch.testing.assert_close(logits, expected[name], rtol=0, atol=CLOSE_EXIT)
    assert expected["main"].std(dim=0).mean() > 0.01, "logits that ignore the image prove nothing"
    if exits:
        doubled = images[:2].double()
        expected = answers(peer.double(), normalize(doubled))
        found = ours.model.double()(normalized(doubled, stated.mean, stated.std), exits)
        for name, logits in found.exits.items():
            torch.testing.assert_close(logits, expected[name], rtol=0, atol=EXACT)
    return ours


def main_alone(peer: nn.Module, images: Tensor) -> dict[str, Tensor]:
    return {"main": peer(images)}


@torch.inference_mode()
@pytest.mark.parametrize("aux", [True, False], ids=["aux", "plain"])
def test_googlenet_of_torchvision(
    torchvision_models: ModuleType,
    photos: list[Image.Image],
    tmp_path: Path,
    aux: bool,
) -> None:
    peer = torchvision_models.googlenet(
        weights=None, aux_logits=aux, init_weights=False, transform_input=True
    )
    images = fitted(Preprocessing(size=224, crop=0.875), photos)
    shake(peer, by_imagenet(images))
    if aux:
        torch.save(peer.state_dict(), tmp_path / "new.pth")
    else:
        wrapped = {"epoch": 3, "state_dict": nn.DataParallel(peer).state_dict()}
        torch.save(wrapped, tmp_path / "new.pth", _use_new_zipfile_serialization=False)

    def answers(peer: nn.Module, x: Tensor) -> dict[str, Tensor]:
        if not aux:
            return {"main": peer(x)}
        after_4a, after_4d = trunk_outputs(peer, x, "inception4a", "inception4d")
        return {"main": peer(x), "aux1": peer.aux1(after_4a), "aux2": peer.aux2(after_4d)}

    ours = assert_same_answers(tmp_path / "new.pth", peer, answers, images, by_imagenet)

    assert ours.card.classes == imagenet_classes()


@torch.inference_mode()
@pytest.mark.parametrize("aux", [True, False], ids=["aux", "plain"])
def test_inception_v3_of_torchvision(
    torchvision_models: ModuleType,
    photos: list[Image.Image],
    tmp_path: Path,
    aux: bool,
) -> None:
    peer = torchvision_models.inception_v3(
        weights=None, aux_logits=aux, init_weights=False, transform_input=True
    )
    images = fitted(Preprocessing(size=299, crop=0.875), photos)
    shake(peer, by_imagenet(images))
    path = tmp_path / ("new.pth" if aux else "new.safetensors")
    (torch.save if aux else save_file)(peer.state_dict(), path)

    def answers(peer: nn.Module, x: Tensor) -> dict[str, Tensor]:
        (after_6e,) = trunk_outputs(peer, x, "Mixed_6e")
        return {"main": peer(x)} | ({"aux": peer.AuxLogits(after_6e)} if aux else {})

    assert_same_answers(path, peer, answers, images, by_imagenet)


@torch.inference_mode()
@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_yardsticks_of_torchvision(
    torchvision_models: ModuleType,
    photos: list[Image.Image],
    tmp_path: Path,
    name: str,
) -> None:
    peer = getattr(torchvision_models, name)(weights=None)
    images = fitted(Preprocessing(size=224, crop=0.875), photos)
    shake(peer, by_imagenet(images[:1]))
    torch.save(peer.state_dict(), tmp_path / "new.pth")

    assert_same_answers(tmp_path / "new.pth", peer, main_alone, images, by_imagenet)


@torch.inference_mode()
@pytest.mark.parametrize("tag", ["tv_in1k", "gluon_in1k"])
def test_inception_v3_of_timm_with_its_config(
    timm: ModuleType, photos: list[Image.Image], tmp_path: Path, tag: str
) -> None:
    """As timm writes a repository: model.safetensors, and config.json with the preprocessing."""
    peer = timm.create_model(f"inception_v3.{tag}", pretrained=False, aux_logits=tag == "tv_in1k")
    normalize = by_imagenet if tag == "gluon_in1k" else to_one
    images = fitted(Preprocessing(size=299, crop=0.875), photos)
    shake(peer, normalize(images))
    timm.models.save_for_hf(peer, tmp_path, safe_serialization=True)

    def answers(peer: nn.Module, x: Tensor) -> dict[str, Tensor]:
        return (
            dict(zip(("main", "aux"), peer(x), strict=True))
            if peer.aux_logits
            else {"main": peer(x)}
        )

    ours = assert_same_answers(tmp_path / "model.safetensors", peer, answers, images, normalize)

    assert ours.card.preprocessing == RELEASES[f"timm/inception_v3.{tag}"].preprocessing


@torch.inference_mode()
def test_the_background_class_of_a_port_from_tensorflow_is_left_out(
    timm: ModuleType, photos: list[Image.Image], tmp_path: Path
) -> None:
    peer = timm.create_model("inception_v3", pretrained=False, aux_logits=True, num_classes=1001)
    images = fitted(Preprocessing(size=299, crop=0.875), photos)
    shake(peer, to_one(images))
    save_file(peer.state_dict(), tmp_path / "tf.safetensors")

    def answers(peer: nn.Module, x: Tensor) -> dict[str, Tensor]:
        main, aux = peer(x)
        return {"main": main[:, 1:], "aux": aux[:, 1:]}

    ours = assert_same_answers(tmp_path / "tf.safetensors", peer, answers, images, to_one)

    assert ours.card.classes == imagenet_classes()
    assert import_weights(tmp_path / "tf.safetensors").background


@torch.inference_mode()
def test_bn_inception_of_pretrainedmodels(
    pretrainedmodels: ModuleType, photos: list[Image.Image], tmp_path: Path
) -> None:
    peer = pretrainedmodels.bninception(pretrained=None)
    images = fitted(Preprocessing(size=224, crop=0.875), photos)
    shake(peer, bgr_0_to_255(images))
    torch.save(peer.state_dict(), tmp_path / "bn.pth", _use_new_zipfile_serialization=False)

    assert_same_answers(tmp_path / "bn.pth", peer, main_alone, images, bgr_0_to_255)


@torch.inference_mode()
def test_the_graph_behind_the_frechet_inception_distance(
    pytorch_fid: ModuleType,
    photos: list[Image.Image],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pytorch_fid, "load_state_dict_from_url", lambda *_, **__: {})
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
    peer = pytorch_fid.fid_inception_v3()
    monkeypatch.undo()
    images = fitted(Preprocessing(size=299), photos)
    shake(peer, to_one(images))
    torch.save(peer.state_dict(), tmp_path / "fid.pth")

    ours = assert_same_answers(tmp_path / "fid.pth", peer, main_alone, images, to_one)

    assert ours.card.classes[-1] == "class_1007"


@torch.inference_mode()
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_there_and_back_gives_torchvision_its_own_file(
    torchvision_models: ModuleType, tmp_path: Path, name: str, suffix: str
) -> None:
    make = partial(getattr(torchvision_models, name), weights=None, init_weights=False)
    peer = make(num_classes=7, aux_logits=True)
    torch.save(peer.state_dict(), tmp_path / "theirs.pth")
    convert(tmp_path / "theirs.pth", tmp_path / "ours")
    written = convert(tmp_path / "ours", tmp_path / f"back{suffix}", to="torchvision")
    convert(written.path, tmp_path / "again")
    loaded = make(num_classes=7, aux_logits=True)
    read = load_file if suffix == ".safetensors" else partial(torch.load, weights_only=True)
    loaded.load_state_dict(read(written.path))  # strict: every tensor, and no other
    theirs, back = peer.state_dict(), loaded.state_dict()

    assert written.exits_left_out == ()
    assert written.network == f"{name}(num_classes=7, aux_logits=True)"
    assert all(torch.equal(value, back[key]) for key, value in theirs.items())
    assert (tmp_path / "ours" / "model.safetensors").read_bytes() == (
        tmp_path / "again" / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("name", ["new.keras", "new.h5", "new.weights.h5"])
def test_a_file_of_keras_becomes_a_model(keras: ModuleType, tmp_path: Path, name: str) -> None:
    """Its scores are compared in test_keras.py."""
    peer = keras.applications.InceptionV3(weights=None)
    (peer.save_weights if "weights" in name else peer.save)(tmp_path / name)
    imported = import_weights(tmp_path / name)

    assert imported.card.architecture.name == "inception_v3:keras"
    assert (imported.format, imported.card.classes) == ("Keras", imagenet_classes())


def test_class_names_are_those_of_torchvision(torchvision_models: ModuleType) -> None:
    categories = torchvision_models.GoogLeNet_Weights.DEFAULT.meta["categories"]

    assert imagenet_classes() == tuple(categories)


def test_released_files_are_those_that_torchvision_and_timm_name(
    torchvision_models: ModuleType, timm: ModuleType
) -> None:
    for name, weights in (
        ("googlenet", torchvision_models.GoogLeNet_Weights),
        ("inception_v3", torchvision_models.Inception_V3_Weights),
        ("alexnet", torchvision_models.AlexNet_Weights),
        ("vgg16", torchvision_models.VGG16_Weights),
    ):
        assert RELEASES[f"torchvision/{name}"].address == weights.IMAGENET1K_V1.url
    ours = {id_ for id_ in RELEASES if id_.startswith("timm/")}
    theirs = {f"timm/{n}" for n in timm.list_pretrained("inception_v3*")}

    assert ours == theirs


LEVEL = 1 / 255  # their resize rounds the whole image, ours only the crop: at most a level apart


@pytest.mark.parametrize("name", ["googlenet", "alexnet", "vgg16"])
def test_preprocessing_of_torchvision(
    torchvision_models: ModuleType, photos: list[Image.Image], name: str
) -> None:
    weights = torchvision_models.get_model_weights(name).DEFAULT
    ours = Preprocessing(size=224, crop=224 / 256)
    for photo in map(even, photos):
        expected = weights.transforms()(photo) * torch.tensor(STD)[:, None, None]
        expected += torch.tensor(MEAN)[:, None, None]

        torch.testing.assert_close(fitted(ours, [photo])[0], expected, rtol=0, atol=1.01 * LEVEL)


def test_preprocessing_of_torchvisions_inception_v3_is_a_pixel_beside_ours(
    torchvision_models: ModuleType, photos: list[Image.Image]
) -> None:
    """Of the 43 pixels too many torchvision cuts 22 off the top and left, we cut 21."""
    weights = torchvision_models.Inception_V3_Weights.DEFAULT
    ours = Preprocessing(size=299, crop=299 / 342)
    photo = photos[0].resize((684, 342)).crop((0, 0, 342, 342))
    expected = weights.transforms()(photo) * torch.tensor(STD)[:, None, None]
    expected += torch.tensor(MEAN)[:, None, None]

    torch.testing.assert_close(
        fitted(ours, [photo])[0][:, 1:, 1:], expected[:, :-1, :-1], rtol=0, atol=1.01 * LEVEL
    )


@pytest.mark.parametrize("tag", ["tv_in1k", "tf_in1k", "tf_adv_in1k", "gluon_in1k"])
def test_preprocessing_of_timm(timm: ModuleType, photos: list[Image.Image], tag: str) -> None:
    if not any(SHARED.glob("*.parquet")):
        pytest.skip("needs the photographs in ../shared/data: noise is rounded twice as far")
    from timm.data import create_transform, resolve_data_config

    config = timm.get_pretrained_cfg(f"inception_v3.{tag}").to_dict()
    transform = create_transform(**resolve_data_config(pretrained_cfg=config))
    ours = RELEASES[f"timm/inception_v3.{tag}"].preprocessing
    for photo in map(even, photos):
        pixels = ours.fit(np.asarray(photo))
        found = torch.from_numpy(ours.normalize(pixels[None])[0])

        torch.testing.assert_close(
            found, transform(photo), rtol=0, atol=1.01 * LEVEL / min(ours.std)
        )


def test_preprocessing_of_pretrainedmodels(
    pretrainedmodels: ModuleType, photos: list[Image.Image]
) -> None:
    from pretrainedmodels.utils import TransformImage

    stated = pretrainedmodels.pretrained_settings["bninception"]["imagenet"]
    transform = TransformImage(stated)
    ours = Preprocessing(
        size=224,
        crop=0.875,
        mean=(128 / 255, 117 / 255, 104 / 255),
        std=(1 / 255, 1 / 255, 1 / 255),
    )
    photo = even(photos[0])
    found = ours.normalize(ours.fit(np.asarray(photo))[None])[0]

    torch.testing.assert_close(torch.from_numpy(found).flip(0), transform(photo), rtol=0, atol=1.01)


def even(photo: Image.Image) -> Image.Image:
    """A square: of other images torchvision rounds the long side down and we to the nearest."""
    side = min(photo.size)
    return photo.crop((0, 0, side, side))
