"""Exits as a user meets them: added, measured, chosen, stored, used, cut off."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from page_words import words_of

from inceptionkit.evaluation.exits.study import DEFAULT_GOAL, DEFAULT_MEASURE

QUICK = ("--input", "8", "--epochs", "1", "--precision", "fp32", "--quiet", "batch=64")


@pytest.fixture
def run(digits_run: Path, tmp_path: Path) -> Path:
    """A run of one's own, to store policies in."""
    return Path(shutil.copytree(digits_run, tmp_path / "run"))


def test_a_policy_is_chosen_on_val_and_measured_on_test(inceptionkit: Callable, run: Path) -> None:
    said = inceptionkit("evaluate", run, "digits", "--exits", "--goal", "-50%", "--json")
    told = json.loads(said.out)
    record = json.loads((run / "run.json").read_text())
    rows = told["exits"].values()

    assert said.code == 0
    assert told["images"] == record["data"]["sets"]["test"]
    assert told["policy"]["origin"]["images"] == record["data"]["sets"]["val"]
    assert "val, not trained on" in said.err
    assert told["mean_macs"] == pytest.approx(sum(r["macs"] * r["share"] for r in rows))
    assert told["mean_macs"] < told["main"]["macs"]
    assert told["oracle"]["top1"] >= max(told["top1"], told["main"]["top1"])
    assert told["against_main"]["difference"]["mean"] == pytest.approx(
        told["top1"] - told["main"]["top1"]
    )
    assert all(point.keys() >= {"top1", "mean_macs", "thresholds"} for point in told["curve"])
    assert all(row["ms"] > 0 for row in (*rows, told["main"]))
    assert json.loads((run / "model" / "model.json").read_text())["exit_policy"] is None


def test_what_is_taken_unless_it_is_said_is_what_the_help_says(shell: Callable) -> None:
    said = " ".join(shell("evaluate", "--help").out.replace("│", " ").split())

    assert f"(default: {DEFAULT_GOAL})" in said
    assert f"(default: {DEFAULT_GOAL.level:g})" in said
    assert f"(default: {DEFAULT_MEASURE})" in said


def test_a_stored_policy_is_used_when_asked_for(
    inceptionkit: Callable, run: Path, tmp_path: Path
) -> None:
    nothing = inceptionkit("predict", run, tmp_path, "--early-exit")
    chosen = inceptionkit("evaluate", run, "digits", "--exits", "--goal", "-50%", "--store")
    used = json.loads(inceptionkit("evaluate", run, "digits", "--json", "--early-exit").out)
    policy = json.loads((run / "model" / "model.json").read_text())["exit_policy"]

    assert nothing.code == 2
    assert f"{run}: no exit policy is stored with it; choose one with `inceptionkit" in nothing.err
    assert f"stored  {run}/model/model.json" in chosen.out
    assert "next    inceptionkit predict" in chosen.out
    assert [*used["exits"]] == [*(gate["exit"] for gate in policy["gates"]), "main"]
    for words in ("this policy", "main alone", "bound: an oracle", "the curve", "95 % interval"):
        assert words in chosen.out


def test_a_goal_that_cannot_be_reached_says_the_best_there_is(
    inceptionkit: Callable, run: Path
) -> None:
    accuracy = inceptionkit("evaluate", run, "digits", "--exits", "--goal", "99.99%", "--quiet")
    work = inceptionkit("evaluate", run, "digits", "--exits", "--goal", "1kMAC", "--quiet")

    assert (accuracy.code, work.code) == (2, 2)
    assert "too few images choose the policy to promise a top-1 of 99.9 % with 90 %" in accuracy.err
    assert "no exit answers for 1.00 kMAC an image; the cheapest policy spends " in work.err


def test_a_promise_that_so_few_images_cannot_make_is_refused(
    inceptionkit: Callable, run: Path
) -> None:
    said = inceptionkit("evaluate", run, "digits", "--exits", "--goal", "-0.2%", "--store")

    assert said.code == 2
    assert (
        "too few images choose the policy to promise a loss of at most 0.2 points of top-1 with "
        "90 % confidence: 1,534 would do; give more images, or use --goal -"
    ) in " ".join(said.err.split())
    assert json.loads((run / "model" / "model.json").read_text())["exit_policy"] is None


def test_a_policy_that_breaks_its_promise_is_neither_stored_nor_recommended(
    inceptionkit: Callable, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("evaluate", run, "digits", "--exits", "--goal", "-50%", "--confidence-level", "0.95")
    kept = inceptionkit(*words)
    monkeypatch.setattr("inceptionkit.evaluation.exits.study.is_met", lambda *_, **__: False)
    broken = inceptionkit(*words, "--store")
    told = json.loads(inceptionkit(*words, "--json").out)
    of_others = " ".join(kept.out.split())

    assert "goal -50% met: " in of_others
    assert "images promise it with 95 % confidence next inceptionkit evaluate " in of_others
    assert of_others.count("digits --exits --goal -50% --confidence-level 0.95 --store") == 1
    assert broken.code == 0
    assert "the goal -50% is not met on these images, although" in broken.out
    assert "the policy is not stored" in " ".join(broken.out.split())
    assert "next" not in broken.out
    assert told["kept"] is False
    assert told["policy"]["origin"]["confidence_level"] == 0.95
    assert json.loads((run / "model" / "model.json").read_text())["exit_policy"] is None


def test_exits_are_placed_trained_and_cut_at(inceptionkit: Callable, tmp_path: Path) -> None:
    run, small = tmp_path / "run", tmp_path / "small"
    blocks = "conv3, reduce4, inception5a"
    train = ("train", "digits", "--arch", "compact", *QUICK, "--exits", blocks, "--out", run)
    trained = inceptionkit(*train)
    told = json.loads(inceptionkit("evaluate", run, "digits", "--json").out)
    cut = json.loads(inceptionkit("prune", run, "--at", "conv3", "--out", small, "--json").out)
    again = json.loads(inceptionkit("evaluate", small, "digits", "--json").out)
    page = words_of(run / "report.html")

    assert (trained.code, trained.err) == (0, "")
    assert [*told["exits"]] == ["conv3", "exit2", "inception5a", "main"]
    assert "--exits conv3,reduce4,inception5a" in page
    assert again["top1"] == told["exits"]["conv3"]["top1"] == cut["top1"]
    assert again["mean_macs"] == told["exits"]["conv3"]["macs"] == cut["macs"]
    assert cut["params"] < cut["params_before"]
    assert [*again["exits"]] == ["main"]


def test_a_model_that_was_cut_keeps_its_earlier_exits(inceptionkit: Callable, run: Path) -> None:
    said = inceptionkit("prune", run, "--at", "reduce4")
    folder = run.with_name("run-exit2")
    told = json.loads(inceptionkit("evaluate", folder, "digits", "--json").out)
    over = inceptionkit("prune", run, "--at", "exit2")

    assert said.code == 0
    assert f"next    inceptionkit predict {folder} IMAGE..." in said.out
    assert [*told["exits"]] == ["exit1", "main"]
    assert (over.code, "folder is not empty" in over.err) == (2, True)


def test_a_policy_chosen_for_the_whole_is_not_one_for_the_part(
    inceptionkit: Callable, run: Path, tmp_path: Path
) -> None:
    inceptionkit("evaluate", run, "digits", "--exits", "--goal", "-50%", "--store", "--quiet")
    inceptionkit("prune", run, "--at", "exit2", "--out", tmp_path / "part")
    said = inceptionkit("evaluate", tmp_path / "part", "digits", "--early-exit")

    assert "exit_policy" in json.loads((run / "model" / "model.json").read_text())
    assert json.loads((tmp_path / "part" / "model.json").read_text())["exit_policy"] is None
    assert (said.code, "no exit policy is stored with it" in said.err) == (2, True)


def test_one_exit_only_and_none(inceptionkit: Callable, run: Path, tmp_path: Path) -> None:
    assert inceptionkit("prune", run, "--at", "exit1", "--out", tmp_path / "one").code == 0
    none = inceptionkit("evaluate", tmp_path / "one", "digits", "--exits")
    inceptionkit("prune", run, "--at", "exit2", "--out", tmp_path / "two")
    single = inceptionkit(
        "evaluate", tmp_path / "two", "digits", "--exits", "--goal", "-50%", "--json"
    )

    assert none.code == 2
    assert "its network has no exits; train one with `inceptionkit train --exits" in none.err
    assert {*json.loads(single.out)["exits"]} <= {"exit1", "main"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("prune", "RUN", "--at", "exit9"), "compact has no exit at 'exit9'; did you mean 'exit"),
        (("evaluate", "RUN", "digits", "--goal", "90%"), "only applies with --exits"),
        (("evaluate", "RUN", "digits", "--goal", "-0.2%"), "only applies with --exits"),
        (
            ("evaluate", "RUN", "digits", "--confidence-measure", "probability"),
            "only applies with --exits",
        ),
        (("evaluate", "RUN", "digits", "--confidence-level", "0.9"), "only applies with --exits"),
        (("evaluate", "RUN", "digits", "--store"), "only applies with --exits"),
        (("evaluate", "RUN", "digits", "--exits", "--goal", "much"), "a goal must be a top-1 like"),
        (
            ("evaluate", "RUN", "digits", "--exits", "--confidence-measure", "margins"),
            "did you mean 'margin'?",
        ),
        (
            ("evaluate", "RUN", "digits", "--exits", "--crops", "1"),
            "--exits cannot be combined with --crops or several models",
        ),
        (("evaluate", "RUN", "digits", "--early-exit=much"), "takes a probability from 0 to 1"),
        (
            ("train", "digits", "--exits", "conv9"),
            "inception_small: no block is called 'conv9'; did you me",
        ),
    ],
)
def test_what_cannot_be_asked_for(
    inceptionkit: Callable, digits_run: Path, words: tuple[str, ...], said: str
) -> None:
    found = inceptionkit(*(digits_run if word == "RUN" else word for word in words))

    assert (found.code, found.out) == (2, "")
    assert said in " ".join(found.err.split())
