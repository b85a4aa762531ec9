"""What the page concludes by itself."""

import numpy as np
import pytest
from made_up import exit_result, made_up_run

from inceptionkit.report.confusion import confused_pairs
from inceptionkit.report.finished_run import ExitResult
from inceptionkit.report.headline import in_short
from inceptionkit.report.run_page import learning_facts


def exit_row(name: str, macs: int, top1: float) -> ExitResult:
    return exit_result(name, macs=macs, share_of_macs=macs / 100, top1=top1)


def test_pairs_are_counted_in_the_direction_of_the_mistake() -> None:
    confusion = np.array([[8, 2, 0], [0, 9, 1], [3, 0, 1]])
    pairs = confused_pairs(confusion, ("a", "b", "c"), limit=2)

    assert [(p.truth, p.guess, p.images, p.share_of_truth) for p in pairs] == [
        ("c", "a", 3, 0.75),
        ("a", "b", 2, 0.2),
    ]


def test_a_perfect_matrix_has_no_pairs() -> None:
    assert confused_pairs(np.diag([3, 4]), ("a", "b"), limit=5) == ()


@pytest.mark.parametrize(
    ("top1", "relation"),
    [(0.88, "2.0 points below main"), (0.9, "level with main"), (0.915, "1.5 points above main")],
)
def test_the_best_early_exit_is_compared_with_main(top1: float, relation: str) -> None:
    exits = (exit_row("aux1", 20, 0.5), exit_row("aux2", 60, top1), exit_row("main", 100, 0.9))

    assert in_short(made_up_run(exits=exits))[1].endswith(f"of the compute, {relation}.")
    assert in_short(made_up_run(exits=exits))[1].startswith("Stopping at aux2 reaches")


def test_the_most_frequent_mistake_is_named() -> None:
    confusion = np.array([[8, 2], [1, 9]])
    said = in_short(made_up_run(2, confusion=confusion))[2]

    assert said == "3 images of 20 were misread; most often class 0 taken for class 1 (2 images)."


def test_a_network_without_exits_is_not_compared() -> None:
    said = in_short(made_up_run(exits=(exit_row("main", 100, 0.9),), unusable=()))

    assert len(said) == 2


def test_a_run_that_learned_nothing_says_so_first() -> None:
    found = {"says": "all are a", "cause": "it is too short", "command": "inceptionkit train x"}
    first, *_ = in_short(made_up_run(nothing_learned=found))

    assert first == "This run learned nothing: all are a; likely cause: it is too short."
    assert not any("nothing" in said for said in in_short(made_up_run()))


def test_the_best_epoch_is_named_with_its_number() -> None:
    facts = learning_facts(made_up_run().epochs)

    assert facts["best top-1 on val"].endswith("at epoch 3")
    assert facts["time per epoch"] == "2.0 s"
