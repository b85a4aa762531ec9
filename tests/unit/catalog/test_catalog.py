"""Looking networks up, at any size, for any number of classes."""

import pytest

from inceptionkit import architecture, cost
from inceptionkit.catalog import CATALOG
from inceptionkit.errors import SpecError, UnknownNameError
from inceptionkit.spec import GlobalPool, smallest_for_exit, smallest_input, steps

COMPACT_SIDES = (32, 48, 64, 96, 128)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gogglenet", "no architecture is called 'gogglenet'; did you mean 'googlenet'?"),
        ("resnet", "no architecture is called 'resnet'; did you mean 'alexnet'?"),
        ("googlenet:papper", "googlenet has no dialect 'papper'; did you mean 'paper'?"),
        ("compact:bn", "compact has no dialect 'bn'; there are none"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        architecture(name)

    assert str(caught.value) == said


def test_googlenet_is_its_paper() -> None:
    assert architecture("googlenet:paper") == architecture("googlenet")
    assert architecture("googlenet").source == "arXiv:1409.4842 table 1"


def test_googlenet_takes_any_input_from_31_pixels() -> None:
    """31 by hand: two cells before the last pool, four, eight, 16 before the first."""
    net = architecture("googlenet")
    with pytest.raises(SpecError) as caught:
        architecture("googlenet", input=30)

    assert str(caught.value) == "googlenet: a 30x30 image is too small; the smallest is 31"
    assert architecture("googlenet", input=31).exits == ()
    assert (
        cost(architecture("googlenet", input=31)).without_exits.params
        == cost(net).without_exits.params
    )


def test_the_exits_of_googlenet_need_a_grid_of_five_by_five() -> None:
    """Five cells after pool3: 66 pixels and more, worked backwards from 5."""
    net = architecture("googlenet")
    first, second = (smallest_for_exit(net, exit_) for exit_ in net.exits)

    assert first == second == smallest_input(net)
    assert len(architecture("googlenet", input=first).exits) == 2
    assert architecture("googlenet", input=first - 1).exits == ()


@pytest.mark.parametrize("side", [1, 8, 28, *COMPACT_SIDES, 224])
def test_the_compact_network_keeps_its_exits_at_every_size(side: int) -> None:
    net = architecture("compact", input=side)

    assert net.image == (3, side, side)
    assert len(net.exits) >= 2
    for exit_ in net.exits:
        assert isinstance(exit_.head[0], GlobalPool)


@pytest.mark.parametrize("side", COMPACT_SIDES)
def test_the_compact_network_costs_less_at_its_exits_and_is_compact(side: int) -> None:
    net_cost = cost(architecture("compact", input=side))
    to_exits = [exit_.macs_to_here for exit_ in net_cost.exits]

    assert to_exits == sorted(to_exits)
    assert to_exits[-1] < net_cost.without_exits.macs
    assert net_cost.with_exits.params < 2_000_000
    grids = {step.output.size[0] for step in steps(net_cost.net) if step.at.startswith("trunk.inc")}
    assert max(grids) <= 64


@pytest.mark.parametrize("name", list(CATALOG))
def test_classes_and_input_together(name: str) -> None:
    channels = architecture(name).image[0]
    net = architecture(name, classes=7, input=150)
    outs = {s.op.out for s in steps(net) if getattr(s.op, "classifier", False)}

    assert (net.image, outs) == ((channels, 150, 150), {7})
