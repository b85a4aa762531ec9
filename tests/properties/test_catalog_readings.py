"""Every network of the catalog can be drawn, reviewed and scaled."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inceptionkit.catalog import CATALOG, architecture
from inceptionkit.derive import cost
from inceptionkit.derive.design.budget import Counted, parse
from inceptionkit.derive.design.search import design
from inceptionkit.derive.diagram import draw
from inceptionkit.derive.paths import per_path
from inceptionkit.derive.rules import review
from inceptionkit.errors import SpecError
from inceptionkit.spec import from_json, smallest_input, to_json

NAMES = [
    f"{name}:{dialect}" if dialect else name
    for name, entry in CATALOG.items()
    for dialect in entry.dialects or {"": ""}
]

DIALECTS = [  # that are scaled much as the first of their entry
    pytest.param(f"{name}:{dialect}", marks=pytest.mark.slow)
    for name, entry in CATALOG.items()
    for dialect in list(entry.dialects)[1:]
]
FIRST = [name for name in NAMES if name not in {one.values[0] for one in DIALECTS}]


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_drawn_with_no_operator_unknown(name: str) -> None:
    net = architecture(name)

    for drawing in (draw(net, paths=True), draw(net)):
        ET.fromstring(drawing)  # noqa: S314 our own
        assert 'class="other"' not in drawing


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_reviewed_and_its_paths_share_their_block(name: str) -> None:
    net = architecture(name)

    assert all(finding.at.startswith("trunk.") for finding in review(net))
    assert sum(path.width_share for path in per_path(net)) == pytest.approx(
        len({path.block for path in per_path(net)})
    )


@pytest.mark.parametrize("name", [*FIRST, *DIALECTS])
def test_every_entry_can_be_scaled_to_a_third_of_its_work(name: str) -> None:
    net = architecture(name)
    budget = Counted("macs", cost(net).without_exits.macs / 3, "third")
    made = design(net, [budget], side=net.image[1], classes=20).net

    assert 0.97 <= budget.load(cost(made)) <= 1
    assert from_json(to_json(made)) == made


@given(
    name=st.sampled_from([name for name in NAMES if not name.startswith(("vgg", "alexnet"))]),
    side=st.sampled_from([32, 64, 96, 160, 224, 299]),
    amount=st.sampled_from([1, 3, 10, 40, 150, 700]),
    unit=st.sampled_from(["MMAC", "0kparams", "MMAC", "0KiB"]),
)
@settings(max_examples=5, deadline=None)
def test_any_family_meets_any_budget_or_names_the_nearest_that_can_be_typed(
    name: str, side: int, amount: int, unit: str
) -> None:
    budget = counted(f"{amount}{unit}")
    try:
        made = design(architecture(name), [budget], side=side, classes=7)
    except SpecError as error:
        budget = counted(str(error).rpartition(" is ")[2])
        made = design(architecture(name), [budget], side=side, classes=7)
    kept = {finding.rule.name for finding in review(architecture(name))}
    said = "; ".join(made.reasons)

    assert 0.97 <= budget.load(cost(made.net)) <= 1
    assert made.net.image[1:] == (side, side)
    assert from_json(to_json(made.net)) == made.net
    assert smallest_input(made.net) <= side  # every exit has room
    for rule in {finding.rule.name for finding in review(made.net)} - kept:
        assert f"breaks a rule that {made.family.name} keeps, {rule}: " in said


def counted(text: str) -> Counted:
    budget = parse(text)
    assert isinstance(budget, Counted)
    return budget
