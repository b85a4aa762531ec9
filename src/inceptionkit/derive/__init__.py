"""Readings of the walk: costs, rules, diagrams, designs, tensor names. Standard library only."""

from inceptionkit.derive.cost import BlockCost, Cost, ExitCost, NetCost, cost, step_cost, total_cost
from inceptionkit.derive.tensors import Shape, misfits, tensors

__all__ = [
    "BlockCost",
    "Cost",
    "ExitCost",
    "NetCost",
    "Shape",
    "cost",
    "misfits",
    "step_cost",
    "tensors",
    "total_cost",
]
