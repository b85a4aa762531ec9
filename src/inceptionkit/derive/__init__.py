"""Readings of the walk: costs, rules, diagrams, designs, tensor names. Standard library only."""

from inceptionkit.derive.cost import BlockCost, Cost, ExitCost, NetCost, bill, cost, price
from inceptionkit.derive.paper import Compared, Comparison, beside_paper
from inceptionkit.derive.paths import PathCost, per_path
from inceptionkit.derive.rules import RULES, Finding, Rule, review
from inceptionkit.derive.tensors import Shape, misfits, tensors

__all__ = [
    "RULES",
    "BlockCost",
    "Compared",
    "Comparison",
    "Cost",
    "ExitCost",
    "Finding",
    "NetCost",
    "PathCost",
    "Rule",
    "Shape",
    "beside_paper",
    "bill",
    "cost",
    "misfits",
    "per_path",
    "price",
    "review",
    "tensors",
]
