"""The fields that the family's networks need, one by one."""

from dataclasses import replace

import pytest

from inceptionkit.derive import cost, total_cost
from inceptionkit.errors import SpecError
from inceptionkit.spec import (
    AdaptivePool,
    BatchNorm,
    Conv,
    Exit,
    GlobalPool,
    Init,
    Linear,
    Net,
    Node,
    Pool,
    Signal,
    border,
    fitting_inputs,
    from_json,
    named,
    smallest_for_exit,
    steps,
    tensors,
    to_json,
    walk,
    windows,
    with_classes,
    with_input,
    with_pooled_exits,
)


def net_of(*trunk: Node, side: int = 16, channels: int = 3, exits: tuple[Exit, ...] = ()) -> Net:
    blocks = named(**{f"n{i}": node for i, node in enumerate(trunk)})
    head = (GlobalPool(), Linear(10, classifier=True))
    image = (channels, side, side)
    return Net(name="net", source="", image=image, trunk=blocks, head=head, exits=exits)


def test_groups_divide_the_weights() -> None:
    whole, halves = (
        total_cost(steps(net_of(Conv(6, (3, 3), groups=g, norm=None), channels=4))) for g in (1, 2)
    )
    head = 6 * 10 + 10

    assert (whole.params - head, halves.params - head) == (6 * 4 * 9, 6 * 2 * 9)
    assert (whole.macs - 60) == 2 * (halves.macs - 60)


def test_each_channel_by_itself_depends_on_the_input_width() -> None:
    for channels in (1, 3, 4):
        net = net_of(Conv(24, (7, 7), groups="each", norm=None), channels=channels)

        assert dict(tensors(net))["trunk.n0.conv.weight"] == (24, 1, 7, 7)


def test_groups_that_do_not_divide_are_refused_with_both_widths() -> None:
    with pytest.raises(SpecError) as error:
        cost(net_of(Conv(6, groups=2)))

    assert str(error.value) == "trunk.n0: 2 groups must divide 3 channels in and 6 out"


def test_batch_norm_without_gamma_has_none_to_count_or_to_store() -> None:
    with_gamma, without = (net_of(Conv(8, norm=BatchNorm(gamma=g))) for g in (True, False))

    assert total_cost(steps(with_gamma)).params - total_cost(steps(without)).params == 8
    assert dict(tensors(with_gamma)).keys() - dict(tensors(without)).keys() == {
        "trunk.n0.bn.weight"
    }


@pytest.mark.parametrize(
    ("n", "k", "stride", "added"),
    [
        (224, 7, 2, (2, 3)),  # TF-slim's stems
        (28, 3, 2, (0, 1)),
        (14, 3, 2, (0, 1)),
        (7, 3, 2, (1, 1)),
        (14, 2, 2, (0, 0)),
        (5, 3, 1, (1, 1)),
        (3, 1, 4, (0, 0)),
    ],
)
def test_tensorflow_pads_the_odd_cell_at_the_end(
    n: int, k: int, stride: int, added: tuple[int, int]
) -> None:
    assert border(n, k, stride, "tensorflow") == added
    assert windows(n, k, stride, "tensorflow") == -(-n // stride)


def test_caffes_and_tensorflows_halving_pools_agree_on_even_grids() -> None:
    for n in range(2, 300, 2):
        assert windows(n, 3, 2, "ceil") == windows(n, 3, 2, "tensorflow")


def test_a_number_pads_every_side() -> None:
    """torchvision's AlexNet: 11x11, stride 4, padding 2 on 224 leaves 55."""
    assert windows(224, 11, 4, 2) == 55


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Conv(8, padding=-1), "Conv: padding must be at least 0, got -1"),
        (lambda: Conv(8, groups=0), "Conv: groups must be at least 1, got 0"),
        (lambda: Pool("max", padding=2), "Pool: padding must be at most half the window, got 2"),
        (lambda: AdaptivePool((0, 4)), "AdaptivePool: height must be at least 1, got 0"),
    ],
)
def test_senseless_fields_are_refused(make: object, said: str) -> None:
    with pytest.raises(SpecError) as error:
        make()  # type: ignore[operator]

    assert str(error.value) == said


def test_an_adaptive_pool_leaves_its_grid_and_sees_its_largest_window() -> None:
    step = walk("pool", AdaptivePool((4, 4)), Signal(8, (14, 14)))

    assert (step.output.channels, step.output.size) == (8, (4, 4))
    assert step.output.receptive_field == (4, 4)  # rows 0-3, 3-6, 7-10, 10-13


NEW = net_of(
    Conv(24, (7, 7), 2, "tensorflow", BatchNorm(gamma=False), groups="each"),
    Conv(8, padding=2, groups=2, init=Init("truncated", std=0.1, bias=0.2)),
    Pool("avg", padding=1, count_padding=False),
    AdaptivePool((4, 4)),
)


def test_every_new_field_survives_json() -> None:
    assert from_json(to_json(NEW)) == NEW


def test_json_of_before_these_fields_means_what_it_meant() -> None:
    old = {"type": "conv", "out": 8, "norm": {"eps": 0.001}}
    data = to_json(net_of(Conv(8))) | {"trunk": [["n0", old]]}

    assert from_json(data) == net_of(Conv(8))


PADDINGS = "same or valid or tensorflow or a whole number"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (
            "groups",
            "all",
            "architecture.trunk.n0.groups must be a whole number or each, got 'all'",
        ),
        ("padding", "full", f"architecture.trunk.n0.padding must be {PADDINGS}, got 'full'"),
        ("init", 3, "architecture.trunk.n0.init must be an object, got 3"),
    ],
)
def test_json_of_the_wrong_type_says_what_is_allowed(field: str, value: object, said: str) -> None:
    data = to_json(net_of(Conv(8)))
    data["trunk"][0][1][field] = value
    with pytest.raises(SpecError) as error:
        from_json(data)

    assert str(error.value) == said


def connected_exit() -> Exit:
    head = (Pool("avg", (5, 5), 3, "valid"), Linear(8, relu=True), Linear(10, classifier=True))
    return Exit(name="aux", after="n0", head=head, loss_weight=0.3)


def test_an_exit_says_its_smallest_and_its_fitting_inputs() -> None:
    net = net_of(Conv(4), side=14, exits=(connected_exit(),))
    (exit_,) = net.exits

    assert smallest_for_exit(net, exit_) == 5
    assert fitting_inputs(net, exit_) == range(14, 17)  # a 4x4 grid


def test_pooled_exits_take_any_input_and_keep_the_rest() -> None:
    net = net_of(Conv(4), side=14, exits=(connected_exit(),))
    pooled = with_pooled_exits(with_classes(net, 7))
    (exit_,) = pooled.exits

    assert exit_ == replace(connected_exit(), head=(GlobalPool(), Linear(7, classifier=True)))
    assert [e.name for e in with_input(pooled, 2).exits] == ["aux"]
    assert with_input(net, 2).exits == ()
    assert fitting_inputs(pooled, exit_) == range(1, 4097)


def test_an_input_between_two_that_fit_is_refused_with_both() -> None:
    from inceptionkit.spec import Split

    halves = Split(
        named(conv=Conv(4, (3, 3), 2), pool=Pool("max", stride=2, padding="ceil"))
    )  # on odd grids the one rounds up, the other down
    with pytest.raises(SpecError) as error:
        with_input(net_of(halves), 17)

    assert str(error.value) == "net: a 17x17 image does not fit; the nearest that do are 16 and 18"


def test_a_head_that_leaves_a_grid_is_refused() -> None:
    net = replace(net_of(Conv(4)), head=(Conv(10, classifier=True),))
    with pytest.raises(SpecError) as error:
        cost(net)

    assert str(error.value) == (
        "head: a classifier must leave one cell, got 16x16; end with GlobalPool"
    )
