"""Memory per block, shares per path, and what an exit can save."""

from dataclasses import replace

import pytest

from inceptionkit.derive import cost
from inceptionkit.derive.paths import per_path
from inceptionkit.spec import Net


def test_inception_v3_costs_what_the_reference_counts(inception_v3: Net) -> None:
    net_cost = cost(inception_v3)

    assert (net_cost.without_exits.params, net_cost.without_exits.macs) == (
        23_834_568,
        5_713_216_096,
    )


def test_a_block_that_answers_holds_its_input_and_what_it_makes(googlenet: Net) -> None:
    lines = {line.at: line for line in cost(googlenet).blocks}

    assert lines["conv1"].activation_bytes == 4 * (3 * 224**2 + 64 * 112**2)
    assert lines["conv1"].training_bytes == 4 * 64 * 112**2


def test_the_blocks_memories_make_up_that_of_the_network(googlenet: Net) -> None:
    net_cost = cost(googlenet)
    alone = cost(replace(googlenet, exits=()))

    assert max(line.activation_bytes for line in net_cost.blocks) == net_cost.activation_bytes
    assert sum(line.training_bytes for line in alone.blocks) == alone.training_bytes


def test_an_exit_saves_at_most_what_lies_beyond_it_less_its_own_head(googlenet: Net) -> None:
    net_cost = cost(googlenet)
    names = [line.at for line in net_cost.blocks]

    for exit_ in net_cost.exits:
        beyond = net_cost.blocks[names.index(exit_.exit.after) + 1 :]
        saved = sum(line.cost.macs for line in beyond) - exit_.own.macs
        assert exit_.saves_at_most == pytest.approx(saved / net_cost.without_exits.macs, rel=1e-12)
    assert [round(e.saves_at_most, 3) for e in net_cost.exits] == [0.376, 0.182]


def test_the_paths_of_3a_share_as_the_paper_lets_them(googlenet: Net) -> None:
    paths = {p.path: p for p in per_path(googlenet) if p.block == "inception3a"}

    assert list(paths) == ["p1", "p3", "p5", "pool"]
    assert paths["p5"].cost.macs == 12_443_648  # the reference's worked example
    assert paths["p3"].width_share == 128 / 256
    for share in ("params_share", "macs_share", "width_share"):
        assert sum(getattr(p, share) for p in paths.values()) == pytest.approx(1)


def test_a_path_that_passes_its_input_on_costs_nothing(inception_v3: Net) -> None:
    passed = [p for p in per_path(inception_v3) if (p.block, p.path) == ("mixed6a", "pool")]

    assert [(p.cost.macs, p.macs_share, p.y.channels) for p in passed] == [(0, 0.0, 288)]
