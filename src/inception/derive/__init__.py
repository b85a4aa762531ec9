"""Readings of the walk: what a network costs and what its tensors are. Standard library only."""

from inception.derive.cost import BlockCost, Cost, ExitCost, NetCost, bill, cost, price
from inception.derive.tensors import Shape, misfits, tensors

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
