"""Exits added to any network, and networks cut at one."""

from dataclasses import replace

import pytest
import torch

from inceptionkit.catalog import CATALOG, architecture
from inceptionkit.derive import cost
from inceptionkit.errors import SpecError, UnknownNameError
from inceptionkit.network import build
from inceptionkit.spec import (
    GlobalPool,
    Linear,
    Net,
    cut_at,
    fitting_inputs,
    steps,
    tensors,
    with_classes,
    with_exits,
)


@pytest.mark.parametrize("name", [n for n in CATALOG if n not in {"alexnet", "vgg16"}])
def test_an_exit_can_stand_after_any_block_of_any_network(name: str) -> None:
    net = architecture(name)
    classes = [s for s in steps(net) if s.at.startswith("head")][-1].output.channels
    own = {exit_.after: exit_ for exit_ in net.exits}
    for block, _ in net.trunk:
        found = with_exits(net, [block])

        assert [e.after for e in found.exits] == [block]
        assert cost(found).without_exits == cost(net).without_exits
        if block in own:
            assert found.exits == (own[block],)
        else:
            assert found.exits[0].head == (GlobalPool(), Linear(classes, classifier=True))


def test_exits_are_listed_in_the_order_of_the_trunk(tiny: Net) -> None:
    blocks = ["inception3", "pool2", "conv1", "pool2"]
    found = with_exits(tiny, blocks, loss_weight=0.1)

    assert [e.name for e in found.exits] == ["first", "pool2", "inception3"]
    assert [e.loss_weight for e in found.exits] == [tiny.exits[0].loss_weight, 0.1, 0.1]
    assert [row.exit.name for row in cost(found).exits] == [e.name for e in found.exits]


def test_an_added_exit_takes_any_input_and_any_classes() -> None:
    net = with_exits(architecture("googlenet:bn"), ["inception3b"])

    assert fitting_inputs(net, net.exits[0]).stop > 4000
    assert with_classes(net, 7).exits[0].head == (GlobalPool(), Linear(7, classifier=True))


def test_all_exits_can_go(tiny: Net) -> None:
    assert with_exits(tiny, ()).exits == ()
    assert build(with_exits(tiny, ("pool2",))).exits.keys() == {"pool2"}


def test_exits_that_cannot_be_added(tiny: Net) -> None:
    named_so = replace(tiny, exits=(replace(tiny.exits[0], name="pool2"),))
    with pytest.raises(SpecError) as caught:
        with_exits(tiny, ["incption2"])
    with pytest.raises(SpecError, match=r"^tiny: two blocks or two exits have the same name$"):
        with_exits(named_so, ["conv1", "pool2"])

    assert str(caught.value) == "tiny: no block is called 'incption2'; did you mean 'inception2'?"


def test_a_network_ends_at_its_exit(tiny: Net) -> None:
    found = cut_at(tiny, "second")
    net_cost, before = cost(found), cost(tiny).exits[1]

    assert [name for name, _ in found.trunk] == ["conv1", "inception2"]
    assert (found.head, [e.name for e in found.exits]) == (tiny.exits[1].head, ["first"])
    assert net_cost.without_exits.macs == before.macs_to_here
    assert (found.name, found.source) == ("tiny-second", "the tests; cut at its exit second")


def test_a_cut_network_scores_as_its_exit_did(tiny: Net) -> None:
    """Bit for bit: it is the same arithmetic."""
    whole = build(tiny, seed=1).eval()
    net = cut_at(tiny, "second")
    part = build(net, weights_follow=True).eval()
    state = whole.state_dict()
    part.load_state_dict(
        {
            name: state[name.replace("head.", "exits.second.") if "head." in name else name]
            for name in part.state_dict()
        }
    )
    images = torch.randn(4, 3, 16, 16)

    assert part(images).main.equal(whole(images, exits=["second"]).exits["second"])
    assert set(dict(tensors(net))) < {n.replace("exits.second.", "head.") for n in state}


def test_a_network_cannot_be_cut_where_it_has_no_exit(tiny: Net) -> None:
    with pytest.raises(UnknownNameError, match=r"^tiny has no exit 'third'; there are first, sec"):
        cut_at(tiny, "third")
