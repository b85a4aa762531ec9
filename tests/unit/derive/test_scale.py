"""Wider, deeper, and with another stem."""

import pytest

from inceptionkit.catalog import find
from inceptionkit.derive import cost
from inceptionkit.derive.design.scale import (
    between,
    deepened,
    grid_of,
    one_wider,
    runs,
    stems,
    widened,
)
from inceptionkit.spec import (
    Conv,
    Net,
    from_json,
    operators,
    to_json,
    with_classes,
    with_input,
    with_pooled_exits,
)
from inceptionkit.training.recipe import whitened_layer

RUNS = [
    ("inception3a", "inception3b"),
    tuple(f"inception4{letter}" for letter in "abcde"),
    ("inception5a", "inception5b"),
]


def widths(net: Net) -> list[int]:
    return [op.out for _, node in net.trunk for op in operators(node) if isinstance(op, Conv)]


def names(net: Net) -> list[str]:
    return [name for name, _ in net.trunk]


def test_runs_are_the_modules_between_two_halvings(googlenet: Net, inception_v3: Net) -> None:
    assert runs(googlenet) == RUNS
    assert [len(run) for run in runs(inception_v3)] == [3, 4, 2]  # reductions belong to none


def test_widening_by_one_changes_nothing(googlenet: Net) -> None:
    assert widened(googlenet, 1.0) == googlenet


def test_widths_are_multiples_of_8_and_at_least_8(googlenet: Net) -> None:
    assert all(width % 8 == 0 for width in widths(widened(googlenet, 0.37)))
    assert min(widths(widened(googlenet, 0.01))) == 8


def test_halving_the_width_quarters_the_work_of_the_trunk(googlenet: Net) -> None:
    whole, half = (cost(net).without_exits.macs for net in (googlenet, widened(googlenet, 0.5)))

    assert 0.24 < half / whole < 0.30  # the image and the classes stay as many


def test_a_stem_gets_no_wider_than_both_signs_of_what_it_reads(googlenet: Net) -> None:
    small = find("inception_small")
    wide = widened(small, 2.0)

    assert widths(wide)[:2] == [24, 64]  # 2 x 3 channels x 2x2 pixels
    assert whitened_layer(wide).output.channels == 24
    assert widths(one_wider(wide, 0, 3))[0] == 24
    assert widths(widened(small, 0.6))[0] == 16
    assert widths(widened(googlenet, 2.0))[0] == 128  # 7x7 pixels tell more


def test_classes_are_not_widened(googlenet: Net) -> None:
    assert cost(widened(googlenet, 0.5)).blocks[-1].output.channels == 1000


def test_between_two_widths_operators_change_one_by_one(googlenet: Net) -> None:
    narrow, wide = widened(googlenet, 0.5), widened(googlenet, 1)
    total = len([op for _, node in narrow.trunk for op in operators(node)])
    costs = [cost(between(narrow, wide, n)).without_exits.macs for n in range(total + 1)]

    assert between(narrow, wide, 0) == narrow
    assert between(narrow, wide, total).trunk == wide.trunk
    assert costs == sorted(costs)


def test_one_operator_can_be_widened_by_less_than_8(googlenet: Net) -> None:
    assert widths(one_wider(googlenet, 0, 3))[:2] == [67, 64]


def test_a_pool_has_no_width(googlenet: Net) -> None:
    assert one_wider(googlenet, 1, 3) == googlenet


def test_a_shorter_run_keeps_its_first_modules_and_its_last(googlenet: Net) -> None:
    short = deepened(googlenet, {RUNS[1]: 3})

    kept = [name for name in names(short) if name.startswith("inception4")]
    assert kept == ["inception4a", "inception4b", "inception4e"]


def test_a_run_of_one_keeps_its_last_module(googlenet: Net) -> None:
    short = deepened(googlenet, dict.fromkeys(RUNS, 1))

    kept = [name for name in names(short) if name.startswith("inception")]
    assert kept == ["inception3b", "inception4e", "inception5b"]


def test_a_longer_run_repeats_its_last_module_under_new_names(googlenet: Net) -> None:
    long = deepened(googlenet, {RUNS[2]: 4})

    assert names(long)[-4:] == ["inception5a", "inception5b", "inception5b_2", "inception5b_3"]
    assert dict(long.trunk)["inception5b_3"] == dict(long.trunk)["inception5b"]


def test_as_many_modules_as_there_were_change_nothing(googlenet: Net) -> None:
    assert deepened(googlenet, {run: len(run) for run in RUNS}) == googlenet


def test_an_exit_whose_block_goes_hangs_after_the_one_before(googlenet: Net) -> None:
    def exits(length: int) -> list[tuple[str, str]]:
        return [(e.name, e.after) for e in deepened(googlenet, {RUNS[1]: length}).exits]

    assert exits(4) == [("aux1", "inception4a"), ("aux2", "inception4c")]
    assert exits(2) == [("aux1", "inception4a")]  # the second would hang there too
    assert exits(1) == [("aux1", "inception4e")]


def test_stems_undo_the_halvings_one_after_the_other(googlenet: Net) -> None:
    """Section 7 of arXiv:1512.00567: 1 for stride 1 in the first layer, 2 for no pool after it."""
    found = stems(with_input(googlenet, 96))

    assert [grid_of(net, "inception3a") for net in found] == [12, 24, 48, 96]
    assert names(found[1]) == names(googlenet)
    assert "pool1" not in names(found[2])
    assert "pool3" in names(found[3])  # behind the first module


def test_the_low_resolution_stems_of_inception_v3_see_the_same_grid(inception_v3: Net) -> None:
    """Table 2 of arXiv:1512.00567: 151 pixels with stride 1 cost what 299 cost."""
    plain = with_pooled_exits(inception_v3)
    low = stems(with_input(plain, 151))[1]

    assert grid_of(low, "mixed5b") == 35
    assert cost(low).without_exits.macs == cost(inception_v3).without_exits.macs == 5_713_216_096


def test_pooled_exits_fit_any_input(googlenet: Net) -> None:
    small = with_input(with_classes(with_pooled_exits(googlenet), 7), 40)

    assert [e.name for e in small.exits] == ["aux1", "aux2"]
    assert [row.own.params for row in cost(small).exits] == [512 * 7 + 7, 528 * 7 + 7]


@pytest.mark.parametrize("factor", [0.3, 1.7])
def test_what_is_scaled_can_be_written_and_read(inception_v3: Net, factor: float) -> None:
    net = deepened(widened(inception_v3, factor), {runs(inception_v3)[1]: 6})

    assert from_json(to_json(net)) == net
