"""Recipes, losses, optimizers, schedules, the loop, checkpoints and budgets.

Imported before torch by whatever trains. libgomp, torch's OpenMP library on Linux, reads from the
environment when it is loaded how long threads spin while they wait for each other: by default for
milliseconds, which a core held by another process turns into several times the time of a step.
`benchmarks/busy.py` measures it. What the user set stays.
"""

import os

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
