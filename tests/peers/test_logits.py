"""Same weights, same images, same logits as torchvision and timm, exits included."""

from dataclasses import replace
from types import ModuleType

import pytest
import torch
from telling import images_for, shake, trunk_outputs
from torch import Tensor, nn

from inceptionkit.catalog import architecture
from inceptionkit.convert.rename import key_map
from inceptionkit.convert.torchvision import RULES, TORCHVISION_GOOGLENET
from inceptionkit.errors import WeightsError
from inceptionkit.network import InceptionNet, build
from inceptionkit.spec import Net

pytestmark = [
    pytest.mark.peer,
    pytest.mark.filterwarnings("ignore"),  # theirs are not ours to mend
]

CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # the order of sums differs


def adopt(net: Net, theirs: nn.Module, whose: str, name: str) -> InceptionNet:
    """Our network with their weights."""
    state = theirs.state_dict()
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    plan = key_map(net, shapes, RULES[whose, name])
    ours = build(net, weights_follow=True)
    counters = {k: v for k, v in ours.state_dict().items() if k.endswith("num_batches_tracked")}
    ours.load_state_dict({key: state[plan[key]] for key in plan} | counters)
    return ours.eval()


def assert_equal_logits(ours: Tensor, theirs: Tensor) -> None:
    spread = theirs.std(dim=0).mean() if len(theirs) > 1 else torch.tensor(1.0)

    assert spread > 0.01, "logits must depend on the image to prove anything"
    torch.testing.assert_close(ours, theirs, **CLOSE)


@torch.inference_mode()
def test_googlenet_of_torchvision_with_its_auxiliary_outputs(
    torchvision_models: ModuleType,
) -> None:
    net = architecture("googlenet:torchvision", classes=100)
    peer = torchvision_models.googlenet(
        weights=None, aux_logits=True, init_weights=False, num_classes=100
    )
    theirs = shake(peer, images_for(net, 4))
    ours = adopt(net, theirs, "torchvision", "googlenet:torchvision")

    for batch in (1, 3, 4):
        images = images_for(net, batch)
        found = ours(images, ("aux1", "aux2"))
        after_4a, after_4d = trunk_outputs(theirs, images, "inception4a", "inception4d")

        assert_equal_logits(found.main, theirs(images))
        assert_equal_logits(found.exits["aux1"], theirs.aux1(after_4a))
        assert_equal_logits(found.exits["aux2"], theirs.aux2(after_4d))


@torch.inference_mode()
def test_inception_v3_of_torchvision_with_its_auxiliary_output(
    torchvision_models: ModuleType,
) -> None:
    net = architecture("inception_v3", classes=100)
    peer = torchvision_models.inception_v3(
        weights=None, aux_logits=True, init_weights=False, num_classes=100
    )
    theirs = shake(peer, images_for(net, 4))
    ours = adopt(net, theirs, "torchvision", "inception_v3")

    for batch in (1, 4):
        images = images_for(net, batch)
        found = ours(images, ("aux",))
        (after_6e,) = trunk_outputs(theirs, images, "Mixed_6e")

        assert_equal_logits(found.main, theirs(images))
        assert_equal_logits(found.exits["aux"], theirs.AuxLogits(after_6e))


@torch.inference_mode()
def test_training_mode_gives_the_outputs_that_torchvision_returns_when_training(
    torchvision_models: ModuleType,
) -> None:
    """torchvision returns its auxiliary outputs in training only, in the order main, 4d, 4a."""
    net = architecture("googlenet:torchvision", classes=100)
    peer = torchvision_models.googlenet(
        weights=None, aux_logits=True, init_weights=False, num_classes=100
    )
    theirs = shake(peer, images_for(net, 4))
    ours = adopt(net, theirs, "torchvision", "googlenet:torchvision")
    for part in ours.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    images = images_for(net, 3)
    expected, found = theirs.train()(images), ours.train()(images, ("aux1", "aux2"))

    assert_equal_logits(found.main, expected.logits)
    assert_equal_logits(found.exits["aux2"], expected.aux_logits2)
    assert_equal_logits(found.exits["aux1"], expected.aux_logits1)


@torch.inference_mode()
@pytest.mark.parametrize("aux", [True, False])
def test_inception_v3_of_timm(timm: ModuleType, aux: bool) -> None:
    net = architecture("inception_v3", classes=100)
    net = net if aux else replace(net, exits=())
    peer = timm.create_model("inception_v3", pretrained=False, aux_logits=aux, num_classes=100)
    theirs = shake(peer, images_for(net, 4))
    ours = adopt(net, theirs, "timm", "inception_v3")

    for batch in (1, 4):
        images = images_for(net, batch)
        expected = theirs(images)
        found = ours(images, [e.name for e in net.exits])

        assert_equal_logits(found.main, expected[0] if aux else expected)
        if aux:
            assert_equal_logits(found.exits["aux"], expected[1])


@torch.inference_mode()
@pytest.mark.parametrize(
    ("name", "theirs"), [("alexnet:torchvision", "alexnet"), ("vgg16", "vgg16")]
)
def test_yardsticks_of_torchvision(torchvision_models: ModuleType, name: str, theirs: str) -> None:
    net = architecture(name)
    peer = shake(getattr(torchvision_models, theirs)(weights=None), images_for(net, 2))
    ours = adopt(net, peer, "torchvision", name)
    images = images_for(net, 2)

    assert_equal_logits(ours(images).main, peer(images))


def test_another_dialect_is_refused_with_the_place_and_both_shapes(
    torchvision_models: ModuleType,
) -> None:
    state = torchvision_models.googlenet(
        weights=None, aux_logits=True, init_weights=False
    ).state_dict()
    shapes = {key: tuple(value.shape) for key, value in state.items()}

    with pytest.raises(WeightsError) as error:
        key_map(architecture("googlenet:bn"), shapes, TORCHVISION_GOOGLENET)

    said = str(error.value)

    assert "inception3a.branch3.1.conv.weight: got (32, 16, 3, 3)" in said
    assert "googlenet:bn needs (32, 16, 5, 5)" in said
