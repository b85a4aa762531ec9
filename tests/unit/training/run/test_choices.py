"""What is chosen for the user, from the images alone."""

import pytest

from inceptionkit.catalog import architecture
from inceptionkit.derive import cost
from inceptionkit.errors import SpecError
from inceptionkit.progress import Silence
from inceptionkit.spec import Conv, GlobalPool, Linear, Net, named
from inceptionkit.training.defaults import choose_net, choose_scaled


@pytest.mark.parametrize(
    ("short_side", "gpu", "name", "side"),
    [
        (8, False, "inception_small", 16),
        (32, False, "inception_small", 32),
        (60, False, "inception_small", 64),
        (128, False, "inception_small", 128),
        (3000, False, "inception_small", 128),
        (150, True, "inception_small", 128),
        (3000, True, "googlenet:bn", 224),
    ],
)
def test_the_images_decide_the_network_and_its_input(
    short_side: int, *, gpu: bool, name: str, side: int
) -> None:
    choice = choose_net(None, None, classes=7, short_side=short_side, gpu=gpu)

    assert choice.net.name == name
    assert choice.net.image == (3, side, side)
    assert choice.reasons[0].startswith(f"architecture {name}: ")
    assert choice.reasons[1].startswith(f"input {side}x{side}: ")


def test_what_was_asked_for_needs_no_reason() -> None:
    choice = choose_net("googlenet:bn", 224, classes=7, short_side=32, gpu=False)

    assert choice.net.name == "googlenet:bn"
    assert choice.reasons == ()


def test_an_exit_that_has_no_room_is_left_out_and_told() -> None:
    choice = choose_net("googlenet:bn", 64, classes=7, short_side=64, gpu=False)

    assert choice.net.exits == ()
    assert choice.reasons == ("without aux1 and aux2, which 64 px images are too small for",)


def test_exits_that_pool_have_room_at_any_size() -> None:
    choice = choose_net("googlenet:bn", 64, classes=7, short_side=64, gpu=False, pooled_exits=True)

    assert [exit_.name for exit_ in choice.net.exits] == ["aux1", "aux2"]
    assert choice.reasons == ()


def test_the_network_that_suits_the_images_is_scaled_to_what_it_may_cost() -> None:
    choice = choose_scaled(
        ["20MMAC"], None, None, classes=7, short_side=60, device="cpu", listener=Silence()
    )

    assert choice.net.name == "inception_small-20MMAC-64"
    assert choice.net.image == (3, 64, 64)
    assert 0.97 * 20e6 <= cost(choice.net).without_exits.macs <= 20e6
    assert cost(choice.net).blocks[-1].output.channels == 7
    assert [reason.partition(":")[0] for reason in choice.reasons[:3]] == [
        "architecture inception_small",
        "input 64x64",
        "scaled from inception_small",
    ]


@pytest.mark.parametrize("member", ["googlenet:bn", architecture("googlenet:bn")])
def test_a_network_that_was_asked_for_is_scaled(member: str | Net) -> None:
    choice = choose_scaled(
        ["20MMAC"], member, 64, classes=7, short_side=60, device="cpu", listener=Silence()
    )

    assert choice.net.name == "googlenet:bn-20MMAC-64"
    assert choice.net.image == (3, 64, 64)
    assert choice.reasons[0].startswith("scaled from googlenet:bn: takes ")


def test_a_spec_is_scaled_at_its_own_input() -> None:
    choice = choose_scaled(
        ["20MMAC"],
        architecture("compact", input=48),
        None,
        classes=7,
        short_side=200,
        device="cpu",
        listener=Silence(),
    )

    assert choice.net.image == (3, 48, 48)


def test_a_network_for_grey_images_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        choose_net("nin_mnist", None, classes=10, short_side=28, gpu=False)

    assert str(caught.value) == (
        "nin_mnist: reads 1x28x28, but images come square and RGB; choose another architecture"
    )


def test_a_network_without_a_classifier_is_refused() -> None:
    net = Net(
        name="mine",
        source="a user",
        image=(3, 16, 16),
        trunk=named(conv1=Conv(8)),
        head=(GlobalPool(), Linear(10)),
    )

    with pytest.raises(SpecError, match=r"mine: no operator is marked as its classifier"):
        choose_net(net, None, classes=10, short_side=16, gpu=False)
