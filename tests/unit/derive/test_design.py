"""Networks that cost what they may."""

import pytest

from inceptionkit.catalog import architecture
from inceptionkit.derive import cost
from inceptionkit.derive.design.budget import amount, parse
from inceptionkit.derive.design.fit import greatest
from inceptionkit.derive.design.search import Design, design, original
from inceptionkit.derive.rules import review
from inceptionkit.errors import SpecError
from inceptionkit.spec import Conv, GlobalPool, Linear, Net, named, smallest_input, steps


def designed(net: Net, *budgets: str, side: int = 96, classes: int = 20) -> Design:
    return design(net, [parse(text) for text in budgets], side=side, classes=classes)


@pytest.mark.parametrize(
    ("text", "quantity", "most"),
    [
        ("300MMAC", "macs", 300e6),
        ("300 mmacs", "macs", 300e6),
        ("1.5GMAC", "macs", 1.5e9),
        ("1.5BMACs", "macs", 1.5e9),
        ("64000mac", "macs", 64_000),
        ("2Mparams", "params", 2e6),
        ("2Mparam", "params", 2e6),
        ("800kparams", "params", 8e5),
        ("500params", "params", 500),
        ("4MiB", "activation_bytes", 4 * 2**20),
        ("4MB", "activation_bytes", 4e6),
        ("512 KiB", "activation_bytes", 512 * 2**10),
    ],
)
def test_a_budget_is_read_as_people_write_it(text: str, quantity: str, most: float) -> None:
    budget = parse(text)

    assert (budget.quantity, budget.most) == (quantity, most)


@pytest.mark.parametrize(
    "text", ["", "300", "300M", "0MMAC", "-3MMAC", "MMAC", "3MFLOP", "1e3MAC", "3 apples", "0KiB"]
)
def test_what_is_no_budget_is_refused_with_examples(text: str) -> None:
    with pytest.raises(SpecError) as error:
        parse(text)

    assert str(error.value) == (
        "a cost must be like 300MMAC, 2Mparams, 4MiB (of activations) or 10ms, for one image; "
        f"got {text!r}"
    )


@pytest.mark.parametrize("text", ["296 MMAC", "1.13 Mparams", "2.00 MiB", "12.5 kMAC", "7 MAC"])
def test_an_amount_is_said_in_units_that_can_be_read_again(text: str) -> None:
    budget = parse(text)

    assert amount(budget.quantity, budget.most) == text


BUDGETS = ("30MMAC", "300MMAC", "2Mparams", "2MiB")


@pytest.mark.parametrize(
    ("family", "budget"),
    [
        *((family, budget) for family in ("googlenet", "compact") for budget in BUDGETS),
        ("inception_v3", "2Mparams"),
        *(
            pytest.param("inception_v3", budget, marks=pytest.mark.slow)
            for budget in BUDGETS
            if budget != "2Mparams"
        ),
    ],
)
def test_a_budget_is_met_within_3_percent_and_never_overrun(
    request: pytest.FixtureRequest, family: str, budget: str
) -> None:
    made = designed(request.getfixturevalue(family), budget)
    used = parse(budget).load(cost(made.net))

    assert 0.97 <= used <= 1
    assert made.net.image == (3, 96, 96)
    assert made.cost.blocks[-1].output.channels == 20
    assert smallest_input(made.net) <= 96  # exits included


def test_of_two_budgets_the_tighter_is_used_and_neither_overrun(googlenet: Net) -> None:
    made = designed(googlenet, "300MMAC", "500kparams")
    macs, params = (budget.load(made.cost) for budget in made.budgets)

    assert macs < 0.97 <= params <= 1


def test_widths_are_multiples_of_8_where_the_budget_can_be_met_so(googlenet: Net) -> None:
    made = designed(googlenet, "300MMAC")
    outs = [s.op.out for s in steps(made.net) if isinstance(s.op, Conv) and not s.op.classifier]

    assert all(out % 8 == 0 for out in outs)
    assert "every width is a multiple of 8" in made.reasons


def test_at_most_one_width_is_odd_and_it_is_named() -> None:
    """The peak of memory is one convolution's: 8 channels of it are more than 3 %."""
    made = designed(architecture("googlenet:bn"), "4MiB")
    odd = [s.at for s in steps(made.net) if isinstance(s.op, Conv) and s.op.out % 8]

    assert odd == ["trunk.conv1"]
    assert f"every width is a multiple of 8, but {odd[0]} to use the budget" in made.reasons


def test_a_smaller_budget_shrinks_width_depth_and_grid_together(googlenet: Net) -> None:
    shapes = [designed(googlenet, f"{n}MMAC").chosen for n in (20, 100, 500)]

    assert [c.shape.depth for c in shapes] == sorted(c.shape.depth for c in shapes)
    assert [c.shape.grid for c in shapes] == sorted(c.shape.grid for c in shapes)
    assert shapes[0].shape.grid < shapes[2].shape.grid
    assert all(chosen.spread < 1 for chosen in shapes)


def test_the_family_at_its_own_cost_is_left_nearly_as_it_is(googlenet: Net) -> None:
    made = designed(googlenet, "1583MMAC", side=224, classes=1000)

    assert made.net.trunk == googlenet.trunk


def test_rules_that_the_family_keeps_are_kept_or_named(inception_v3: Net) -> None:
    kept = {(f.rule.name, f.at) for f in review(inception_v3)}
    made = designed(inception_v3, "300MMAC")
    new = {
        (f.rule.name, f.at) for f in review(made.net) if (f.rule.name, original(f.at)) not in kept
    }

    assert {(f.rule.name, f.at) for f in made.broken} == new
    assert {f.rule.name for f in made.broken} <= {"asymmetric factorization"}  # 10x10 grids


def test_the_reasons_say_what_was_done(googlenet: Net) -> None:
    said = designed(googlenet, "300MMAC").reasons

    assert said[0].startswith("width x0.56, depth x0.56, grid x0.86: ")
    assert "inception4a to inception4e: 3 modules instead of 5" in said
    assert (
        "stem: stride 1 in conv1, so that modules begin on a grid of 24 cells a side "
        "(28 in googlenet)"
    ) in said


def test_the_network_is_named_after_what_was_asked(googlenet: Net) -> None:
    net = designed(googlenet, "300MMAC", "9Mparams").net

    assert net.name == "googlenet-300MMAC-9Mparams-96"
    assert net.source == ("arXiv:1409.4842 table 1; scaled to 300MMAC-9Mparams at 96x96")


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        ("1kMAC", "cannot be scaled down to 1kMAC; the smallest"),
        ("900GMAC", "cannot be scaled up to 900GMAC; the largest"),
    ],
)
def test_a_budget_that_cannot_be_met_names_the_nearest_that_can(
    compact: Net, budget: str, says: str
) -> None:
    with pytest.raises(SpecError) as error:
        designed(compact, budget)
    said = str(error.value)
    near = parse(said.rpartition(" is ")[2])

    assert says in said
    assert near.quantity == "macs"
    again = designed(compact, amount("macs", near.most * (1.02 if "down" in says else 0.99)))
    assert near.load(again.cost) == pytest.approx(1, abs=0.05)


def test_an_input_too_small_for_every_stem_is_refused(inception_v3: Net) -> None:
    with pytest.raises(SpecError, match="a 3x3 image is too small for any of its stems"):
        designed(inception_v3, "30MMAC", side=3)


def test_a_design_needs_a_budget(compact: Net) -> None:
    with pytest.raises(SpecError, match="a design needs a budget"):
        design(compact, [], side=32, classes=10)


def test_the_greatest_number_that_fits_is_found() -> None:
    assert [greatest(7, lambda n, m=m: n <= m) for m in (0, 3, 7, 9)] == [0, 3, 7, 7]


def test_the_numbers_of_repeated_modules_are_read_past() -> None:
    assert original("trunk.mixed6e_2.p7.1") == "trunk.mixed6e.p7.1"
    assert original("trunk.conv1") == "trunk.conv1"


def test_a_member_that_keeps_the_rules_is_taken_over_one_more_in_balance(
    inception_v3: Net,
) -> None:
    """At 160 pixels the plain stem puts 1x7 on a 9x9 grid; stride 1 puts them on 19x19."""
    made = designed(inception_v3, "700MMAC", side=160)

    assert made.broken == ()
    assert any("stride 1 in conv1a" in reason for reason in made.reasons)


def test_a_budget_between_two_possible_costs_names_the_lower() -> None:
    """A network of one convolution of w channels has 10 w + 2 parameters."""
    tiny = Net(
        name="tiny",
        source="",
        image=(8, 8, 8),
        trunk=named(conv=Conv(8, norm=None)),
        head=(GlobalPool(), Linear(2, classifier=True)),
    )

    assert cost(designed(tiny, "92params", side=8, classes=2).net).without_exits.params == 92
    with pytest.raises(SpecError) as error:
        designed(tiny, "91params", side=8, classes=2)
    assert str(error.value) == (
        "tiny at 8x8 has no design within 3 % below 91params; the nearest possible is 82 params"
    )
