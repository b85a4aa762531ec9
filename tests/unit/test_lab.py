"""The laboratory's claims: networks of a stated cost, settings that parse, runs that are kept."""

import json
import sys
from argparse import Namespace
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from inceptionkit.catalog.inception_v2 import Switches
from inceptionkit.derive import cost
from inceptionkit.errors import TrainingError
from inceptionkit.spec import Conv, Linear, LocalNorm, Net, blocks, operators, refit, steps
from inceptionkit.training.recipe import override
from inceptionkit.training.recipes import find as find_recipe

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "lab"))

import auxiliary
import crops
import exits
import grids
import intervals
import ladder
import networks
import nin
import part
import reductions
import resolution
import tables
import trials

CLAIMS = {
    module.CLAIM.name: module.CLAIM
    for module in (nin, reductions, auxiliary, ladder, resolution, grids, crops, exits)
}
CLAIM = pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
OF_TWO_CORES = (4_000_000, 9_000_000)  # MACs of an image


def job(claim: trials.Claim, **changed: Any) -> trials.Job:
    given: dict[str, Any] = {"side": claim.side, "width": claim.width, "epochs": claim.epochs}
    given |= {"seeds": 2, "only": None, "list": False, "precision": "bf16", "threads": 1}
    given |= {"data": "digits", "work": Path("work"), "results": Path("results"), **changed}
    rows = tuple(claim.trials(given["side"], given["width"]))
    return trials.Job(claim=claim, given=Namespace(**given), trials=rows, fingerprint="images")


def named(claim: trials.Claim) -> dict[str, Net]:
    return {trial.name: trial.net for trial in job(claim).trials}


def grid(net: Net, block: str) -> int:
    return next(b.output.size[0] for b in blocks(net) if b.at == f"trunk.{block}")


@CLAIM
def test_every_trial_can_be_started_and_keeps_its_exits(claim: trials.Claim) -> None:
    task = job(claim)

    for trial in task.trials:
        for choice in trial.tries:
            override(find_recipe(trial.recipe).recipe, task.settings(trial, choice))
        started = refit(trial.net, trial.net.image[1], networks.CLASSES, pooled=False)
        assert started == trial.net


@CLAIM
def test_no_two_trials_of_a_claim_are_the_same_experiment(claim: trials.Claim) -> None:
    task = job(claim)

    assert len({task.identity(trial) for trial in task.trials}) == len(task.trials)
    assert len({trial.name for trial in task.trials}) == len(task.trials)
    assert {trial.beside or task.trials[0].name for trial in task.trials} <= set(named(claim))


@pytest.mark.parametrize("name", ["reductions", "auxiliary", "ladder", "resolution", "grids"])
def test_networks_cost_what_two_cores_can_train(name: str) -> None:
    low, high = OF_TWO_CORES
    found = {trial: networks.macs(net) for trial, net in named(CLAIMS[name]).items()}
    found.pop("naive, equal width", None)  # the claim is that it costs more

    assert {trial: macs for trial, macs in found.items() if not low <= macs <= high} == {}


@pytest.mark.parametrize(
    ("name", "least"),
    [("reductions", 0.97), ("resolution", 0.96), ("grids", 0.96)],
)
def test_equal_cost_is_equal(name: str, least: float) -> None:
    nets = named(CLAIMS[name])
    own = networks.macs(next(iter(nets.values())))
    equal = {n: networks.macs(net) / own for n, net in nets.items() if n != "naive, equal width"}

    assert {n: share for n, share in equal.items() if not least <= share <= 1} == {}


def test_naive_modules_differ_from_reduced_ones_in_their_reductions_alone() -> None:
    reduced, _, naive = named(reductions.CLAIM).values()
    modules = [name for name, _ in reduced.trunk if name.startswith("inception")]

    assert modules == ["inception3b", "inception4a", "inception4e", "inception5b"]
    assert [grid(reduced, name) for name in modules] == [8, 4, 4, 2]
    for name, net in named(reductions.CLAIM).items():
        ops = [step.op for step in steps(net)]
        assert all(op.norm is not None for op in ops if isinstance(op, Conv)), name
        assert not any(isinstance(op, LocalNorm) for op in ops)
        stem = [pair for pair in net.trunk if not pair[0].startswith("inception")]
        assert stem == [pair for pair in reduced.trunk if not pair[0].startswith("inception")]
    kernels = [
        op.kernel for op in operators(dict(naive.trunk)["inception4a"]) if hasattr(op, "out")
    ]
    assert kernels == [(1, 1), (3, 3), (5, 5)]
    assert networks.macs(naive) > 2 * networks.macs(reduced)


def test_auxiliary_classifiers_are_those_that_the_rows_name() -> None:
    nets = named(auxiliary.CLAIM)

    def norms(name: str) -> list[list[bool]]:
        heads = [[op for op in operators(e.head) if isinstance(op, Conv)] for e in nets[name].exits]
        return [[op.norm is not None for op in head] for head in heads]

    assert norms("none") == norms("no batch norm, none") == []
    assert norms("both") == [[True, False]] * 2
    assert norms("both, BN-auxiliary") == [[True, True]] * 2
    assert norms("no batch norm, both") == [[False, False]] * 2
    assert [e.after for e in nets["upper alone"].exits] == [networks.UPPER]
    plain = [step.op for step in steps(nets["no batch norm, both"])]
    assert all(op.norm is None and op.bias for op in plain if isinstance(op, Conv))


def test_rows_of_the_ladder_have_one_trunk_but_for_the_step_that_they_name() -> None:
    base, rmsprop, smoothed, stem, last, linear = named(ladder.CLAIM).values()

    assert base == rmsprop == smoothed
    assert base.trunk[1:] == stem.trunk[3:]
    assert [e.after for e in base.exits] == [networks.MIDDLE]
    assert replace(stem, exits=()) == replace(last, exits=())
    assert stem.exits != last.exits
    without_relu = [step.at for step in steps(linear) if getattr(step.op, "relu", None) is False]
    assert [at for at in without_relu if "trunk" in at] == [
        "trunk.mixed5a.p33.1",
        "trunk.mixed6a.p7.1",
        "trunk.mixed6a.p77.1",
        "trunk.mixed6a.p77.3",
    ]


def test_rmsprop_is_the_papers() -> None:
    task = job(ladder.CLAIM)
    trial = task.trials[1]
    recipe = override(find_recipe("modern").recipe, task.settings(trial, "lr=0.045"))

    assert find_recipe("inception_v3_2015").recipe.optimizer == replace(
        recipe.optimizer, weight_decay=4e-5
    )


def test_inputs_of_three_sizes_reach_the_modules_on_the_same_grids() -> None:
    nets = named(resolution.CLAIM)

    assert list(nets) == ["32 px", "16 px", "8 px"]
    assert {tuple(grid(net, b) for b in ("inception3b", "inception4e", "inception5b"))
            for net in nets.values()} == {(8, 4, 2)}  # fmt: skip


def test_factors_are_tested_early_and_on_a_middle_grid_of_twelve_cells() -> None:
    for net in named(grids.CLAIM).values():
        stem = [name for name, _ in net.trunk if name.startswith("conv")]
        assert grid(net, stem[-1]) == 26
        assert grid(net, networks.MIDDLE) == 12
        assert grid(net, "mixed7a") == 5


@pytest.mark.parametrize("way", ["parallel", "pool_then_conv", "conv_then_pool"])
def test_every_way_of_reducing_a_grid_leaves_as_many_channels(way: Any) -> None:
    net = networks.small_v2(32, 0.125, switches=Switches(reduction=way))

    assert next(b.output.channels for b in blocks(net) if b.at == "trunk.reduce6") == 156


def test_networks_of_an_exits_cost_are_narrow_or_short_ones() -> None:
    nets = named(exits.CLAIM)
    joint = nets[exits.JOINT]

    for one in cost(joint).exits:
        name = one.exit.name
        assert 0.96 <= networks.macs(nets[f"narrowed to {name}"]) / one.macs_to_here <= 1
        assert networks.macs(nets[f"cut off at {name}"]) == one.macs_to_here
        assert not nets[f"cut off at {name}"].exits


def test_a_connected_head_keeps_the_last_mlpconv_layer() -> None:
    head = named(nin.CLAIM)["fully connected, dropout"].head
    last, _, connected = operators(head)

    assert isinstance(last, Conv)
    assert (last.out, last.classifier) == (10, False)
    assert isinstance(connected, Linear)
    assert connected.classifier


def test_crops_of_square_images_are_all_distinct() -> None:
    found = crops.FORTY_EIGHT.crops(32)

    assert len(found) == len(set(found)) == 48
    assert [p.count for p in crops.PROTOCOLS] == [1, 10, 48]
    assert crops.subsets(7, 3)[5:] == [(5, 6, 0), (6, 0, 1)]
    assert crops.subsets(7, 7) == [(0, 1, 2, 3, 4, 5, 6)]


def test_claims_share_the_runs_that_are_the_same() -> None:
    shared = [
        (reductions.CLAIM, "reduced"),
        (auxiliary.CLAIM, "none"),
        (resolution.CLAIM, "32 px"),
        (crops.CLAIM, "reduced"),
    ]
    keys = set()
    for claim, name in shared:
        task = job(claim)
        keys.add(task.key(next(trial for trial in task.trials if trial.name == name), ""))

    assert len(keys) == 1


@pytest.mark.parametrize(
    "changed", [{"epochs": 5}, {"precision": "fp32"}, {"width": 0.5}, {"side": 64}]
)
def test_other_options_make_other_runs(changed: dict[str, Any]) -> None:
    one, other = job(reductions.CLAIM), job(reductions.CLAIM, **changed)

    assert one.key(one.trials[0], "") != other.key(other.trials[0], "")


def test_other_images_make_other_runs() -> None:
    one = job(reductions.CLAIM)

    assert one.key(one.trials[0], "") != replace(one, fingerprint="others").key(one.trials[0], "")


@pytest.mark.parametrize(
    ("degrees", "point"),
    [(2, 4.303), (8, 2.306), (9, 2.262), (10, 2.228), (20, 2.086), (120, 1.980)],
)
def test_students_t_is_that_of_the_tables(degrees: int, point: float) -> None:
    assert intervals.student(degrees) == pytest.approx(point, abs=1e-3)


def test_a_difference_is_paired_by_seed_and_its_scatter_pooled() -> None:
    values = {"a": {0: 10.0, 1: 20.0}, "b": {0: 11.0, 1: 21.0, 2: 50.0}, "c": {0: 9.0, 1: 20.0}}

    found = intervals.differences(values, "a")

    assert found["b"].mean == pytest.approx(1.0)
    assert found["c"].mean == pytest.approx(-0.5)
    # residuals of a, b and c are -1/6, -1/6, 1/3 and the reverse: squares 1/3, 2 degrees
    assert found["b"].half == pytest.approx(4.303 * (1 / 3 / 2 * 2 / 2) ** 0.5)


def test_no_interval_is_made_of_one_seed() -> None:
    found = intervals.differences({"a": {0: 1.0}, "b": {0: 3.0}}, "a")

    assert tables.points(found["b"]) == "+2.00"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs a claim with runs that are made up: the error falls with the length of the name."""
    monkeypatch.setattr(trials, "hardware", lambda: {"processor": "a processor"})
    monkeypatch.setattr(trials, "threads", lambda _: None)
    monkeypatch.setattr(trials, "open_dataset", lambda data: Namespace(fingerprint=lambda: data))
    monkeypatch.setattr(trials, "begun", lambda *words: words)

    def measured(_: Path, words: Any) -> dict[str, Any]:
        trial, choice, seed = words[1:]
        top1 = 0.5 + 0.01 * len(trial.name) + 0.001 * seed + 0.001 * ("0.09" in choice)
        curve = [{"epoch": e, "val_top1": top1 * e / 4} for e in (1.0, 2.0, 3.0, 4.0)]
        found: dict[str, Any] = {"top1": top1, "val_top1": top1, "curve": curve, "set": "test"}
        found |= {"images": 100, "train_images": 900, "val_images": 50, "execution": "bf16"}
        found |= {"images_per_second": 7.0, "hardware": {"processor": "a processor"}}
        return found | {"exits": dict.fromkeys((e.name for e in trial.net.exits), 0.25)}

    monkeypatch.setattr(trials, "measured", measured)

    def start(claim: trials.Claim, **changed: Any) -> tuple[dict[str, Any], str]:
        places = {"work": tmp_path / "work", "results": tmp_path}
        trials.run(claim, job(claim, **places, **changed).given)
        folder = tmp_path / "lab"
        page = (folder / f"{claim.name}.md").read_text("utf-8")
        return json.loads((folder / f"{claim.name}.json").read_text("utf-8"))["trials"], page

    return start


def test_only_leaves_the_rows_of_other_trials_alone(fake: Any) -> None:
    all_rows, _ = fake(reductions.CLAIM)
    rows, page = fake(reductions.CLAIM, only=["naive, equal cost"], seeds=3)

    assert list(rows) == list(all_rows)
    assert rows["reduced"] == all_rows["reduced"]
    assert [run["seed"] for run in rows["naive, equal cost"]["runs"]] == [0, 1, 2]
    assert "| naive, equal width |" in page
    assert "-10.00 ± 0.00" in page  # the seeds that both have


def test_rows_of_another_experiment_are_not_shown(fake: Any) -> None:
    fake(reductions.CLAIM)
    rows, page = fake(reductions.CLAIM, only=["reduced"], epochs=5)

    assert [row["epochs"] for row in rows.values()] == [5, 4, 4]
    assert "| naive" not in page


def test_val_chooses_among_what_a_trial_tries(fake: Any) -> None:
    rows, page = fake(ladder.CLAIM)
    row = rows["v2, RMSProp"]

    assert set(row["tried"]) == {"lr=0.045", "lr=0.09"}
    assert "lr=0.09" in row["settings"]
    assert "lr=0.6" not in row["settings"]
    assert "val chose lr=0.09" in page
    assert "aux 75.00 ± 0.00 %" in page


def test_a_run_that_diverges_is_a_result(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def begun(task: trials.Job, trial: trials.Trial, choice: str, seed: int) -> Any:
        if trial.name == "reduced" and seed:
            raise TrainingError("the loss is not finite")
        return task, trial, choice, seed

    monkeypatch.setattr(trials, "begun", begun)
    rows, page = fake(reductions.CLAIM)

    assert rows["reduced"]["runs"][1]["failed"] == "the loss is not finite"
    assert "1 of 2 runs failed" in page


def test_a_run_that_was_kept_is_not_repeated(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = fake(reductions.CLAIM)

    def begun(*_: object) -> Any:
        pytest.fail("it was trained already")

    monkeypatch.setattr(trials, "begun", begun)
    again, _ = fake(reductions.CLAIM)

    assert again == first


def test_curves_are_read_early_half_way_and_at_the_end() -> None:
    run = {"curve": [{"epoch": e, "val_top1": e / 10} for e in (1.0, 2.0, 3.0, 4.0)]}

    found = [tables.val_error(run, share) for share in tables.MOMENTS.values()]

    assert found == pytest.approx([90, 80, 60])


def test_a_policy_is_chosen_on_val_and_measured_on_test() -> None:
    keys = ("tuning_top1", "tuning_mean_macs", "top1", "mean_macs")
    points = [(0.5, 10, 0.6, 11), (0.6, 20, 0.5, 21), (0.7, 30, 0.9, 31)]
    found = exits.at_most({"policies": [dict(zip(keys, p, strict=True)) for p in points]}, 20)

    assert found is not None
    assert found["top1"] == 0.5
    assert exits.at_most({"policies": []}, 20) is None


def test_the_rates_that_are_tried_differ() -> None:
    for claim in CLAIMS.values():
        task = job(claim)
        for trial in task.trials:
            for one, other in combinations(trial.tries, 2):
                assert task.key(trial, one) != task.key(trial, other)


def test_a_part_is_evenly_spaced_and_keeps_class_names_and_test(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    data = tmp_path / "data"
    data.mkdir()
    schema = pa.schema([("label", pa.int64())], metadata={"names": "cat dog"})
    for name, rows in {"train-0": range(6), "train-1": range(6, 10), "test-0": range(3)}.items():
        pq.write_table(pa.table({"label": list(rows)}, schema=schema), data / f"{name}.parquet")

    assert part.write_part(data, tmp_path / "part", 5) == 5

    found = pq.read_table(tmp_path / "part" / "train-00000-of-00001.parquet")
    assert found["label"].to_pylist() == [0, 2, 4, 6, 8]
    assert found.schema.metadata[b"names"] == b"cat dog"
    assert len(pq.read_table(tmp_path / "part" / "test-0.parquet")) == 3
    with pytest.raises(FileNotFoundError, match=r"needs train-\*\.parquet"):
        part.write_part(tmp_path, tmp_path / "other", 5)
