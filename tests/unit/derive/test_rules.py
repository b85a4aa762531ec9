"""What the design rules find, and what they leave alone."""

from dataclasses import replace

import pytest

from inceptionkit.derive.rules import RULES, layers, review, stacked
from inceptionkit.spec import (
    BatchNorm,
    Conv,
    GlobalPool,
    LocalNorm,
    Net,
    Node,
    Pool,
    Split,
    blocks,
    named,
)


def net(image: tuple[int, int, int] = (64, 16, 16), **trunk: Node) -> Net:
    return Net(name="n", source="", image=image, trunk=named(**trunk), head=GlobalPool())


def found(network: Net, rule: str) -> list[str]:
    assert rule in {r.name for r in RULES}
    return [finding.at for finding in review(network) if finding.rule.name == rule]


def test_a_pool_that_nothing_widens_before_is_a_bottleneck() -> None:
    narrow = net(conv=Conv(64, (3, 3)), pool=Pool("max", stride=2))
    wide = net(conv=Conv(128, (3, 3)), pool=Pool("max", stride=2))

    assert found(narrow, "representational bottleneck") == ["trunk.pool"]
    assert found(wide, "representational bottleneck") == []


def test_a_lone_norm_does_not_hide_the_widening_before_it() -> None:
    wide = net(conv=Conv(128, (3, 3)), norm=LocalNorm(), pool=Pool("max", stride=2))

    assert found(wide, "representational bottleneck") == []


def test_a_1x1_that_leaves_less_than_a_sixteenth_is_extreme() -> None:
    def path(width: int) -> Net:
        return net((256, 16, 16), m=Split(named(p=(Conv(width), Conv(64, (3, 3))), q=Conv(64))))

    assert found(path(15), "extreme compression") == ["trunk.m.p.0"]
    assert found(path(16), "extreme compression") == []


def test_a_narrow_projection_that_no_window_reads_is_no_compression() -> None:
    projected = net((256, 16, 16), m=Split(named(p=(Pool("max"), Conv(8)), q=Conv(64))))

    assert found(projected, "extreme compression") == []


def test_a_window_over_a_wide_input_wants_a_1x1_before_it() -> None:
    naive = net((192, 16, 16), m=Split(named(p3=(Conv(64, (3, 3)),), p1=(Conv(64),))))
    reduced = net((192, 16, 16), m=Split(named(p3=(Conv(96), Conv(64, (3, 3))), p1=(Conv(64),))))

    assert found(naive, "aggregation without reduction") == ["trunk.m.p3.0"]
    assert found(reduced, "aggregation without reduction") == []


def test_a_stage_that_takes_most_of_the_work_is_out_of_balance() -> None:
    heavy = net(a=Conv(64, (3, 3)), b=Conv(64, (3, 3)), c=Conv(64, (3, 3), stride=2))

    assert found(heavy, "depth and width in balance")[0] == "trunk.a"


def test_a_very_wide_and_shallow_network_is_out_of_balance() -> None:
    def deep(channels: int) -> Net:
        return net(a=Conv(64, (3, 3)), b=Conv(channels, (1, 1), stride=2), c=Conv(channels))

    assert "trunk.c" in found(deep(512), "depth and width in balance")
    assert "trunk.c" not in found(deep(128), "depth and width in balance")


@pytest.mark.parametrize(("grid", "works"), [(11, False), (12, True), (20, True), (21, False)])
def test_rows_and_columns_work_on_grids_of_12_to_20(grid: int, works: bool) -> None:
    pair = net((64, grid, grid), m=(Conv(64, (1, 7)), Conv(64, (7, 1))))

    assert found(pair, "asymmetric factorization") == ([] if works else ["trunk.m.0"])


def test_a_row_beside_a_column_is_no_factorization() -> None:
    """Figure 7 widens so on the 8x8 grid."""
    fan = net((64, 8, 8), m=Split(named(a=Conv(64, (1, 3)), b=Conv(64, (3, 1)))))

    assert found(fan, "asymmetric factorization") == []


def test_a_stack_of_3x3_is_advised_only_where_it_saves() -> None:
    assert stacked(5, 64, 64) == (25 * 64 * 64, 18 * 64 * 64)
    assert found(net(c=Conv(64, (5, 5))), "large windows") == ["trunk.c"]
    assert found(net((1, 16, 16), c=Conv(64, (5, 5))), "large windows") == []  # from one channel


def test_a_pool_beside_a_strided_convolution_does_not_stand_alone() -> None:
    down = Split(named(p=(Conv(64, (3, 3), stride=2),), pool=(Pool("max", stride=2),)))

    assert found(net(pool=Pool("max", stride=2)), "strided pool alone") == ["trunk.pool"]
    assert found(net(down=down), "strided pool alone") == []


def test_widths_that_are_no_multiple_of_8_are_named() -> None:
    assert found(net(a=Conv(60), b=Conv(64)), "widths in steps of 8") == ["trunk.a"]


def test_googlenet_breaks_the_rules_that_its_successors_made(googlenet: Net) -> None:
    broken = {finding.rule.name for finding in review(googlenet)}

    assert broken == {"extreme compression", "large windows", "strided pool alone"}


def test_inception_v3_keeps_the_rules_where_it_follows_its_paper(inception_v3: Net) -> None:
    """It departs from it: a direct 3x3 in 6a, true 5x5 at 35x35, two pools alone in the stem."""
    findings = review(inception_v3)

    assert [f.at for f in findings if f.rule.name == "aggregation without reduction"] == [
        "trunk.mixed6a.p3.0"
    ]
    assert {f.rule.name for f in findings} == {
        "aggregation without reduction",
        "large windows",
        "strided pool alone",
    }


def test_exits_are_not_reviewed(inception_v3: Net) -> None:
    assert review(inception_v3) == review(replace(inception_v3, exits=()))


def test_every_rule_has_a_reason_and_a_source() -> None:
    assert all(rule.reason and rule.source for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_depth_is_counted_along_the_longest_way(googlenet: Net) -> None:
    """The paper's 22 layers are 21 convolutions and the classifier."""
    depth = sum(layers(b) for b in blocks(googlenet) if b.at.startswith("trunk."))

    assert depth == 21


def test_norms_make_no_difference() -> None:
    bare, normed = (net(c=Conv(64, (5, 5), norm=norm)) for norm in (None, BatchNorm()))

    assert review(bare) == review(normed)
