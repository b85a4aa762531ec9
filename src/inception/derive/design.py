"""A member of a family, scaled in width, depth and stem to what it may cost to run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from inception.derive.budget import RunBudget
from inception.derive.cost import NetCost, cost
from inception.derive.fit import (
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
from inception.derive.rules import OURS, Finding, review
from inception.derive.scale import (
    deepened,
    grid_of,
    pooled_exits,
    runs,
    stems,
    widened,
)
from inception.errors import SpecError
from inception.spec import Conv, Net, Pool, steps, with_classes

DEPTHS = (0.0, 0.25, 0.34, 0.5, 0.67, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)  # times its modules
PER_RULE = 1.0  # what breaking another rule of the papers weighs, in units of `spread`
PER_HABIT = 0.1  # the same of a rule of ours


@dataclass(frozen=True, slots=True)
class Design:
    """What was chosen, and why."""

    family: Net
    cost: NetCost
    budgets: tuple[RunBudget, ...]
    chosen: Candidate
    broken: tuple[Finding, ...]  # by the design and not by the family member

    @property
    def net(self) -> Net:
        """The network."""
        return self.cost.net

    @property
    def penalty(self) -> float:
        """What designs are chosen by: out of balance, and rules broken."""
        rules = {f.rule.name: f.rule for f in self.broken}.values()
        return self.chosen.spread + sum(
            PER_HABIT if rule.source == OURS else PER_RULE for rule in rules
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was chosen and why, a sentence each."""
        return tuple(reasons(self))


def design(family: Net, budgets: Sequence[RunBudget], *, side: int, classes: int) -> Design:
    """Scale `family` so that no budget is overrun and the tightest is used to 97 % or more.

    Of the stems and depths that can do it, one is taken whose width, depth and grid are nearly
    scaled alike (arXiv:1512.00567, section 2, principle 4), and that breaks few of the design
    rules which `family` keeps.

    Args:
        family: the network to start from.
        budgets: one or more.
        side: of the square input, pixels.
        classes: outputs of every classifier.

    Raises:
        SpecError: no budget is given, the input is too small, or nothing that the family can be
            scaled to is so cheap or so dear; the nearest is named.
    """
    if not budgets:
        msg = "a design needs a budget; give --budget, such as 300MMAC"
        raise SpecError(msg)
    shapes = list(shapes_of(family, side=side, classes=classes))
    if not shapes:
        msg = f"{family.name}: a {side}x{side} image is too small for any of its stems"
        raise SpecError(msg)
    best: Design | None = None
    for rough in sorted((guessed(shape, budgets) for shape in shapes), key=lambda c: c.spread):
        if best is not None and rough.spread >= best.penalty:
            break  # the rest are less in balance still
        found = fitted(rough, budgets)
        if found is not None:
            made = designed(family, found, budgets, side)
            best = made if best is None else min(best, made, key=lambda d: d.penalty)
    if best is None:
        raise SpecError(nearest(family, shapes, budgets))
    return best


def shapes_of(family: Net, *, side: int, classes: int) -> Iterator[Shape]:
    """Every stem with every depth that takes the image."""
    own = runs(family)
    total = sum(map(len, own))
    base = with_classes(pooled_exits(family, classes), classes)
    base = replace(base, image=(family.image[0], side, side))
    depths = dict.fromkeys(tuple(max(1, round(len(run) * d)) for run in own) for d in DEPTHS)
    for stem in stems(base):
        for modules in depths:
            net = deepened(stem, dict(zip(own, modules, strict=True)))
            try:
                cost(net)
            except SpecError:
                continue
            grid = grid_of(net, own[0][-1]) / grid_of(family, own[0][-1]) if own else 1.0
            yield Shape(net, modules, sum(modules) / total if own else 1.0, grid)


def designed(family: Net, chosen: Candidate, budgets: Sequence[RunBudget], side: int) -> Design:
    """Name the network, and see which rules it breaks that `family` keeps."""
    wanted = "-".join(budget.text.replace(" ", "") for budget in budgets)
    net = replace(
        chosen.net,
        name=f"{family.name}-{wanted}-{side}",
        source=f"{family.source}; scaled to {wanted} at {side}x{side}",
    )
    kept = {(finding.rule.name, original(finding.at)) for finding in review(family)}
    new = [f for f in review(net) if (f.rule.name, original(f.at)) not in kept]
    return Design(family, cost(net), tuple(budgets), chosen, tuple(new))


def original(at: str) -> str:
    """Address without the number of a repeated module.

    >>> original("trunk.inception4e_2.p5.0")
    'trunk.inception4e.p5.0'
    """
    return re.sub(r"^(trunk\.[A-Za-z_0-9]+?)_\d+(?=\.|$)", r"\1", at)


def nearest(family: Net, shapes: Sequence[Shape], budgets: Sequence[RunBudget]) -> str:
    """Say what can be met instead."""
    least = min((widened(s.net, NARROWEST) for s in shapes), key=lambda n: load(n, budgets))
    most = max((widened(s.net, WIDEST) for s in shapes), key=lambda n: load(n, budgets))
    wanted = " and ".join(budget.text for budget in budgets)
    side = least.image[1]
    if load(least, budgets) > 1:
        end, found = "so cheap as", least
    elif load(most, budgets) < NEARLY:
        end, found = "so dear as", most
    else:
        end, found = "within 3 % below", most
        under = [near(shape, budgets) for shape in shapes]
        found = max((n for n in under if n), key=lambda n: load(n, budgets), default=least)
    priced = cost(found)
    can = " and ".join(budget.said(priced) for budget in budgets)
    return (
        f"{family.name} at {side}x{side} cannot be scaled to anything {end} {wanted}; "
        f"the nearest that can be met is {can}"
    )


def near(shape: Shape, budgets: Sequence[RunBudget]) -> Net | None:
    """The widest of a shape within the budgets."""
    width = width_for(shape.net, budgets, precision=ROUGH)
    return None if width is None else widened(shape.net, width)


def reasons(made: Design) -> Iterator[str]:
    """Say what was chosen and why."""
    chosen, own = made.chosen, runs(made.family)
    shape = chosen.shape
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
    yield from stem_reasons(made)
    if made.net.exits:
        yield "exits average over the whole grid, so that any input serves"


def stem_reasons(made: Design) -> Iterator[str]:
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
