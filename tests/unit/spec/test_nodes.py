"""The language refuses what cannot be, and says where and why."""

from dataclasses import replace

import pytest

from inceptionkit.errors import SpecError
from inceptionkit.spec import (
    Conv,
    Exit,
    GlobalPool,
    Linear,
    Net,
    Node,
    Pool,
    Split,
    blocks,
    classes_of,
    named,
    smallest_for_exit,
    smallest_input,
    steps,
    with_classes,
    with_input,
)

HEAD = (GlobalPool(), Linear(10, classifier=True))


def net(*nodes: Node, side: int = 8, exits: tuple[Exit, ...] = ()) -> Net:
    trunk = tuple((f"n{i}", node) for i, node in enumerate(nodes))
    return Net(
        name="net", source="test", image=(3, side, side), trunk=trunk, head=HEAD, exits=exits
    )


def exit_(name: str = "early", after: str = "n0", head: Node = HEAD) -> Exit:
    return Exit(name=name, after=after, head=head, loss_weight=0.3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Conv(0), "Conv: out must be at least 1, got 0"),
        (lambda: Conv(8, (0, 3)), "Conv: height must be at least 1, got 0"),
        (lambda: Conv(8, (3, -1)), "Conv: width must be at least 1, got -1"),
        (lambda: Conv(8, stride=0), "Conv: stride must be at least 1, got 0"),
        (lambda: Pool("max", stride=0), "Pool: stride must be at least 1, got 0"),
        (lambda: Linear(0), "Linear: out must be at least 1, got 0"),
        (
            lambda: net(Conv(4), exits=(exit_(after="n1"),)),
            "net: exit 'early' hangs after 'n1', which is no block of the trunk; there are n0",
        ),
        (
            lambda: net(Conv(4), exits=(exit_(), exit_())),
            "net: two blocks or two exits have the same name",
        ),
        (
            lambda: net(Conv(4), exits=(exit_("not a name"),)),
            "net: a block or exit must be named like a variable, got 'not a name'",
        ),
        (
            lambda: with_classes(net(Conv(4)), 1),
            "net: a classifier needs at least 2 classes, got 1",
        ),
        (
            lambda: classes_of(replace(net(Conv(4)), head=(GlobalPool(), Linear(10)))),
            "net: no operator is marked as its classifier; set classifier=True on the last",
        ),
    ],
)
def test_what_cannot_be_is_refused(make: object, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        make()

    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            net(Conv(4, (3, 3), padding="valid"), Pool("max", (7, 7), padding="valid")),
            "trunk.n1: a 7x7 window does not fit on a 6x6 grid; use a larger image",
        ),
        (
            net(Split(named(a=Conv(4), b=(Conv(2), Conv(4, stride=2))))),
            "trunk.n0: paths must end on the same grid to be joined, got 8x8, 4x4",
        ),
        (
            net(Split(named(a=(Conv(4), Conv(4, (9, 9), padding="valid"))))),
            "trunk.n0.a.1: a 9x9 window does not fit on a 8x8 grid; use a larger image",
        ),
    ],
)
def test_the_walk_says_where_a_network_breaks(wrong: Net, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        list(blocks(wrong))

    assert str(caught.value) == said


def test_the_walk_goes_in_the_order_of_execution() -> None:
    module = Split(named(p1=(Conv(4),), p3=(Conv(2), Conv(6, (3, 3)))))
    found = net(Conv(5, (3, 3), stride=2), module, exits=(exit_(after="n0"),))

    assert [(s.at, s.input.channels, s.output.channels, s.output.size) for s in steps(found)] == [
        ("trunk.n0", 3, 5, (4, 4)),
        ("exits.early.0", 5, 5, (1, 1)),
        ("exits.early.1", 5, 10, (1, 1)),
        ("trunk.n1.p1.0", 5, 4, (4, 4)),
        ("trunk.n1.p3.0", 5, 2, (4, 4)),
        ("trunk.n1.p3.1", 2, 6, (4, 4)),
        ("head.0", 10, 10, (1, 1)),
        ("head.1", 10, 10, (1, 1)),
    ]


@pytest.mark.parametrize(
    ("side", "padding", "windows"),
    [
        (112, "ceil", 56), (28, "ceil", 14), (7, "ceil", 3), (2, "ceil", 1),
        (112, "same", 56), (7, "same", 4), (112, "valid", 55), (7, "valid", 3), (3, "valid", 1),
    ],
)  # fmt: skip
def test_windows_of_three_cells_two_apart(side: int, padding: str, windows: int) -> None:
    """Worked by hand; 112 to 56 and 28 to 14 are table 1's."""
    pooled = net(Pool("max", stride=2, padding=padding), side=side)
    (block, _) = blocks(pooled)

    assert block.output.size == (windows, windows)


def test_classes_change_every_classifier_and_nothing_else() -> None:
    hidden = (GlobalPool(), Linear(32, relu=True), Linear(10, classifier=True))
    convolutional = (Conv(10, norm=None, classifier=True), GlobalPool())
    before = net(Conv(4), exits=(exit_("a", head=hidden), exit_("b", head=convolutional)))
    after = with_classes(before, 3)

    assert after.head[1].out == 3
    assert after.exits[0].head[1:] == (Linear(32, relu=True), Linear(3, classifier=True))
    assert after.exits[1].head[0] == Conv(3, norm=None, classifier=True)
    assert after.trunk == before.trunk
    assert (classes_of(before), classes_of(after)) == (10, 3)
    assert with_classes(after, 10) == before


def test_a_small_input_drops_the_exits_that_do_not_fit() -> None:
    wide = (Pool("avg", (5, 5), 3, "valid"), Linear(10, classifier=True))
    found = net(Conv(4), exits=(exit_("wide", head=wide), exit_("any")), side=16)

    assert [e.name for e in with_input(found, 5).exits] == ["wide", "any"]
    assert [e.name for e in with_input(found, 4).exits] == ["any"]
    assert [smallest_for_exit(found, e) for e in found.exits] == [5, 1]
    assert smallest_input(found) == 5


def test_an_input_that_is_too_small_names_the_smallest() -> None:
    found = net(Conv(4, (3, 3), padding="valid"), Pool("max", (7, 7), padding="valid"), side=16)
    with pytest.raises(SpecError) as caught:
        with_input(found, 8)

    assert str(caught.value) == "net: a 8x8 image is too small; the smallest is 9"
    assert with_input(found, 9).image == (3, 9, 9)


def test_an_input_whose_paths_do_not_meet_is_not_called_too_small() -> None:
    """A ceil pool and a padded convolution agree on even grids alone."""
    down = Split(named(a=Pool("max", stride=2, padding="ceil"), b=Conv(4, (3, 3), stride=2)))
    found = net(down, side=16)
    with pytest.raises(SpecError) as caught:
        with_input(found, 17)

    assert str(caught.value) == (
        "net: a 17x17 image does not fit; the nearest that do are 16 and 18"
    )


def test_a_network_that_fits_nowhere_says_why() -> None:
    never = Split(named(a=Conv(4, (3, 3), padding="valid"), b=Conv(4)))
    with pytest.raises(SpecError, match=r"trunk\.n0: paths must end on the same grid"):
        with_input(net(never), 32)
