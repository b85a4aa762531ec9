"""Recipes, losses, optimisers, schedules, the loop, checkpoints and budgets."""
