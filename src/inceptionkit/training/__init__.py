"""Recipes, losses, optimizers, schedules, the loop, checkpoints and budgets."""
