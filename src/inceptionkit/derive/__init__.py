"""Readings of the walk: costs, rules, diagrams, designs. Standard library only."""

from inceptionkit.derive.cost import BlockCost, Cost, ExitCost, NetCost, cost, step_cost, total_cost

__all__ = [
    "BlockCost",
    "Cost",
    "ExitCost",
    "NetCost",
    "cost",
    "step_cost",
    "total_cost",
]
