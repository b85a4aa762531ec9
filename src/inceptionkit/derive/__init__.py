"""Readings of the walk: costs, rules, diagrams, designs, tensor names. Standard library only."""

from inceptionkit.derive.cost import BlockCost, Cost, ExitCost, NetCost, bill, cost, price
from inceptionkit.derive.tensors import Shape, misfits, tensors

__all__ = [
    "BlockCost",
    "Cost",
    "ExitCost",
    "NetCost",
    "Shape",
    "bill",
    "cost",
    "misfits",
    "price",
    "tensors",
]
