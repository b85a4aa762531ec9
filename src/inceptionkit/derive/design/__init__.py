"""A network that costs what it may: budgets, scaling, search."""
