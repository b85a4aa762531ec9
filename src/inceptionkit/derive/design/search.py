"""A member of a family, scaled in width, depth and stem to what it may cost to run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any

from inceptionkit.derive.cost import NetCost, cost
from inceptionkit.derive.design.budget import Counted, RunBudget, Timing, amount
from inceptionkit.derive.design.fit import (
    NARROWEST,
    NEARLY,
    ROUGH,
    WIDEST,
    Candidate,
    Shape,
    fitted,
    guessed,
    load,
    width_for,
)
from inceptionkit.derive.design.scale import (
    deepened,
    grid_of,
    runs,
    stems,
    widened,
)
from inceptionkit.derive.rules import OURS, Finding, review
from inceptionkit.errors import SpecError
from inceptionkit.spec import (
    Conv,
    Net,
    Pool,
    classes_of,
    fits,
    steps,
    with_classes,
    with_pooled_exits,
)
from inceptionkit.text import percent

_DEPTHS = (0.0, 0.25, 0.34, 0.5, 0.67, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)  # times its modules
_PER_RULE = 1.0  # what breaking another rule of the papers weighs, in units of `spread`
_PER_HABIT = 0.1  # the same of a rule of ours


@dataclass(frozen=True, slots=True)
class Design:
    """What was chosen, and why."""

    family: Net  # the member that was scaled
    cost: NetCost
    budgets: tuple[RunBudget, ...]
    chosen: Candidate
    broken: tuple[Finding, ...]  # by the design and not by the family member
    timing: Timing | None = None  # what was measured, if a time was asked for

    @property
    def net(self) -> Net:
        """The network."""
        return self.cost.net

    @property
    def penalty(self) -> float:
        """What designs are chosen by: out of balance, and rules broken."""
        rules = {f.rule.name: f.rule for f in self.broken}.values()
        return self.chosen.spread + sum(
            _PER_HABIT if rule.source == OURS else _PER_RULE for rule in rules
        )

    def taken(self, budget: RunBudget) -> float:
        """What the network takes of a quantity; a time that nobody measured is infinite."""
        if isinstance(budget, Counted):
            return budget.taken(self.cost)
        return self.timing.median_ms if self.timing else inf

    @property
    def takes(self) -> tuple[str, ...]:
        """What the network takes of each budget, a sentence each."""
        return tuple(
            f"takes {amount(budget.quantity, self.taken(budget))} of {budget.text} "
            f"({percent(self.taken(budget) / budget.most)})"
            for budget in self.budgets
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was chosen and why, a sentence each."""
        return tuple(reasons(self))

    def to_json(self) -> dict[str, Any]:
        """What `design --json` prints."""
        net_cost = self.cost
        return {
            "name": self.net.name,
            "family": self.family.name,
            "input": self.net.image[1],
            "classes": classes_of(self.net),
            "params": net_cost.without_exits.params,
            "macs": net_cost.without_exits.macs,
            "activation_bytes": net_cost.activation_bytes,
            "budgets": [
                {
                    "asked": budget.text,
                    "quantity": budget.quantity,
                    "most": budget.most,
                    "takes": self.taken(budget),
                    "share": self.taken(budget) / budget.most,
                }
                for budget in self.budgets
            ],
            "timing": None if self.timing is None else asdict(self.timing),
            "width": self.chosen.width,
            "depth": self.chosen.shape.depth,
            "grid": self.chosen.shape.grid,
            "reasons": list(self.reasons),
            "rules_broken": [
                {"rule": f.rule.name, "at": f.at, "says": f.says} for f in self.broken
            ],
        }


@dataclass(frozen=True, slots=True)
class Family:
    """A network in every stem and depth that it can be given, its widths as they are."""

    member: Net
    shapes: tuple[Shape, ...]  # at least one; all have the same input and classes

    @property
    def side(self) -> int:
        """Of the square input, pixels."""
        return self.shapes[0].net.image[1]


def design(member: Net, budgets: Sequence[Counted], *, side: int, classes: int) -> Design:
    """Scale `member` so that no budget is overrun and the tightest is used to 97 % or more.

    Of the stems and depths that can do it, one is taken whose width, depth and grid are nearly
    scaled alike (arXiv:1512.00567, section 2, principle 4), and that breaks few of the design
    rules which `member` keeps.

    Args:
        member: the network to start from.
        budgets: one or more.
        side: of the square input, pixels.
        classes: outputs of every classifier.

    Raises:
        SpecError: no budget is given, the input is too small, or nothing that the member can be
            scaled to is so cheap or so dear; the nearest is named.
    """
    return best_of(family_of(member, side=side, classes=classes), budgets)


def family_of(member: Net, *, side: int, classes: int) -> Family:
    """Every stem of `member` with every depth that takes the image.

    Raises:
        SpecError: none does.
    """
    own = runs(member)
    total = sum(map(len, own))
    base = with_classes(with_pooled_exits(member), classes)
    base = replace(base, image=(member.image[0], side, side))
    depths = dict.fromkeys(tuple(max(1, round(len(run) * d)) for run in own) for d in _DEPTHS)
    found: list[Shape] = []
    for stem in stems(base):
        for modules in depths:
            net = deepened(stem, dict(zip(own, modules, strict=True)))
            if fits(net):
                grid = grid_of(net, own[0][-1]) / grid_of(member, own[0][-1]) if own else 1.0
                found.append(Shape(net, modules, sum(modules) / total if own else 1.0, grid))
    if not found:
        msg = f"{member.name}: a {side}x{side} image is too small for any of its stems"
        raise SpecError(msg)
    return Family(member, tuple(found))


def best_of(family: Family, budgets: Sequence[Counted]) -> Design:
    """The design that is most in balance and breaks fewest rules; raises as `design` does."""
    if not budgets:
        msg = "a design needs a budget; give --cost, such as 300MMAC or 10ms"
        raise SpecError(msg)
    kept = {(finding.rule.name, original(finding.at)) for finding in review(family.member)}
    best: Design | None = None
    for rough in sorted((guessed(s, budgets) for s in family.shapes), key=lambda c: c.spread):
        if best is not None and rough.spread >= best.penalty:
            break  # the rest are less in balance still
        found = fitted(rough, budgets)
        if found is not None:
            net = _named_after(found.net, family.member, budgets)
            new = tuple(f for f in review(net) if (f.rule.name, original(f.at)) not in kept)
            made = Design(family.member, cost(net), tuple(budgets), found, new)
            best = made if best is None else min(best, made, key=lambda d: d.penalty)
    if best is None:
        raise SpecError(nearest(family, budgets))
    return best


def measured(made: Design, budgets: Sequence[RunBudget], timing: Timing) -> Design:
    """The same design, named after budgets of which one was measured."""
    net = _named_after(made.net, made.family, budgets)
    net_cost = replace(made.cost, net=net)
    return replace(made, cost=net_cost, budgets=tuple(budgets), timing=timing)


def _named_after(net: Net, member: Net, budgets: Sequence[RunBudget]) -> Net:
    """Name a network after what it was scaled from, and to what."""
    wanted = "-".join(budget.text.replace(" ", "") for budget in budgets)
    side = net.image[1]
    return replace(
        net,
        name=f"{member.name}-{wanted}-{side}",
        source=f"{member.source}; scaled to {wanted} at {side}x{side}",
    )


def original(at: str) -> str:
    """Address without the number of a repeated module.

    >>> original("trunk.inception4e_2.p5.0")
    'trunk.inception4e.p5.0'
    """
    return re.sub(r"^(trunk\.[A-Za-z_0-9]+?)_\d+(?=\.|$)", r"\1", at)


def ends(family: Family, budgets: Sequence[Counted]) -> tuple[Net, Net]:
    """The networks that take least and most of the budgets."""
    narrow = (widened(shape.net, NARROWEST) for shape in family.shapes)
    wide = (widened(shape.net, WIDEST) for shape in family.shapes)
    return min(narrow, key=lambda n: load(n, budgets)), max(wide, key=lambda n: load(n, budgets))


def nearest(family: Family, budgets: Sequence[Counted]) -> str:
    """Say what can be met instead, so that it can be typed."""
    least, most = ends(family, budgets)
    wanted = " and ".join(budget.text for budget in budgets)
    if load(least, budgets) > 1:
        does, end, found = "cannot be scaled down to", "smallest", least
    elif load(most, budgets) < NEARLY:
        does, end, found = "cannot be scaled up to", "largest", most
    else:
        does, end = "has no design within 3 % below", "nearest"
        under = [near(shape, budgets) for shape in family.shapes]
        found = max((n for n in under if n), key=lambda n: load(n, budgets), default=least)
    net_cost = cost(found)
    can = " and ".join(amount(b.quantity, b.taken(net_cost), up=True) for b in budgets)
    return (
        f"{family.member.name} at {family.side}x{family.side} {does} {wanted}; "
        f"the {end} possible is {can}"
    )


def near(shape: Shape, budgets: Sequence[Counted]) -> Net | None:
    """The widest of a shape within the budgets."""
    width = width_for(shape.net, budgets, precision=ROUGH)
    return None if width is None else widened(shape.net, width)


def reasons(made: Design) -> Iterator[str]:
    """Say what was chosen and why."""
    chosen, own = made.chosen, runs(made.family)
    shape = chosen.shape
    if made.timing:
        yield f"measured here: {made.timing.says()}"
    yield (
        f"width x{chosen.width:.2f}, depth x{shape.depth:.2f}, grid x{shape.grid:.2f}: of the "
        "stems and depths that meet the budget, these are scaled most alike and break fewest rules"
    )
    odd = [
        step.at
        for step in steps(made.net)
        if isinstance(step.op, Conv) and not step.op.classifier and step.op.out % 8
    ]
    yield "every width is a multiple of 8" + (
        f", but {', '.join(odd)} to use the budget" if odd else ""
    )
    for run, length in zip(own, shape.modules, strict=True):
        if length != len(run):
            at = f"{run[0]} to {run[-1]}" if len(run) > 1 else run[0]
            yield f"{at}: {length} module{'s' * (length > 1)} instead of {len(run)}"
    yield from _stem_reasons(made)
    if made.net.exits:
        yield "exits average over the whole grid, so that any input serves"
    for rule in dict.fromkeys(finding.rule.name for finding in made.broken):
        places = [finding.at for finding in made.broken if finding.rule.name == rule]
        more = f" and {len(places) - 1} more" * (len(places) > 1)
        yield f"breaks a rule that {made.family.name} keeps, {rule}: {places[0]}{more}"


def _stem_reasons(made: Design) -> Iterator[str]:
    """Say what became of the halvings before the first module."""
    family, net = dict(made.family.trunk), dict(made.net.trunk)
    undone = [
        name
        for name, node in family.items()
        if isinstance(node, Conv)
        and node.stride > 1
        and isinstance(now := net.get(name), Conv)
        and now.stride == 1
    ]
    gone = [name for name, node in family.items() if isinstance(node, Pool) and name not in net]
    changes = [f"stride 1 in {name}" for name in undone] + [f"no {name}" for name in gone]
    first = next(iter(runs(made.family)), None)
    if changes and first:
        grid, own = grid_of(made.net, first[-1]), grid_of(made.family, first[-1])
        yield (
            f"stem: {', '.join(changes)}, so that modules begin on a grid of {grid} cells a side "
            f"({own} in {made.family.name})"
        )
