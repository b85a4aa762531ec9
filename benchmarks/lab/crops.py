"""Claim 7: the classification table of the GoogLeNet paper at this scale: models and crops.

Run `python benchmarks/lab/crops.py PATH/TO/cifar10 --seeds 7`.
"""

import sys
from collections.abc import Iterator

from trials import Claim, Trial, arguments, folder_of, network, trained  # lets hardware be found

from hardware import hardware, table, write  # isort: skip

import inceptionkit
from inceptionkit.text import percent

SAYS = (
    "Top-5 error of one model with one crop 10.07 %, 10 crops 9.15 %, 144 crops 7.89 %; of seven "
    "models 8.09 %, 7.62 % and 6.67 % (arXiv:1409.4842, table 3)."
)


def trials(side: int, width: float) -> Iterator[Trial]:
    """One network; each seed is a model."""
    yield Trial("googlenet", network("googlenet:bn", side, width))


def main() -> int:
    """Train the models that are not there yet, and score them alone and together."""
    claim = Claim(name="crops", says=SAYS, trials=trials, side=64)
    given = arguments(claim)
    (trial,) = trials(given.side, given.width)
    for seed in range(given.seeds):
        trained(trial, seed, claim, given)
    folders = [str(folder_of(trial, seed, claim, given)) for seed in range(given.seeds)]
    study = inceptionkit.evaluate(folders, given.data, crops="1,10,144").crops
    if study is None:
        return 1
    rows = [
        (
            "one" if len(row.models) == 1 else f"{len(row.models)} together",
            row.crops,
            f"{row.cost:,.4g}",
            percent(row.top1_error),
            percent(row.top5_error),
        )
        for row in study.rows
    ]
    heads = ("models", "crops", "cost", "top-1 error", "top-5 error")
    text = f"{SAYS}\n\n{table(heads, rows)}"
    print(text)
    write(given.results / "lab", "crops", {"study": study.to_json(), "hardware": hardware()})
    (given.results / "lab" / "crops.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
