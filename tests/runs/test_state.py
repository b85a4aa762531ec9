"""Everything that a run remembers comes back: averages, optimizers, parts, best weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

import inceptionkit
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.errors import Interrupted, RecipeError, RunError, TrainingError, WeightsError
from inceptionkit.model import read_model
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Conv, Dropout, GlobalPool, Linear, Net
from inceptionkit.training import defaults, heads, loop, validation
from inceptionkit.training.autotune import USABLE, update_bytes
from inceptionkit.training.checkpoint import checkpoints, restore, save_state
from inceptionkit.training.distributed import warm_up
from inceptionkit.training.execution import Execution
from inceptionkit.training.loop import EpochEnded, StepEnded, train
from inceptionkit.training.lr_finder import find_lr
from inceptionkit.training.recipe import MODERN, override
from inceptionkit.training.run import session
from inceptionkit.training.schedule import Plan
from inceptionkit.training.state import TrainConfig, TrainState, moments, new_state

pytestmark = pytest.mark.usefixtures("pinned")
DROPPING = (GlobalPool(), Dropout(0.3), Linear(3, classifier=True))


@pytest.fixture
def start(tiny: Net, photos: Callable, tmp_path: Path) -> Callable[..., Path]:
    folder = photos(("dark", "grey", "light"), each=20)
    net = replace(tiny, image=(3, 12, 12), head=DROPPING)

    def run(name: str, *settings: str, **options: Any) -> Path:
        out = tmp_path / name
        usual = {"architecture": net, "epochs": 3, "settings": ("batch=8", "lr=3", *settings)}
        inceptionkit.train(folder, out=out, **usual | options)
        return out

    return run


EVERYTHING = (
    "grad_accum=3", "clip_grad_norm=1", "mixup=0.4", "policy=photometric", "strength=0.3",
    "norm_batches=2",
)  # fmt: skip


VARIED = {
    "everything": EVERYTHING,
    "rmsprop_tf": (
        "optimizer=rmsprop_tf",
        "eps=1",
        "lr=0.3",
        "average=fixed_ema",
        "ema_decay=0.99",
    ),
    "rmsprop polyak": ("optimizer=rmsprop", "lr=0.01", "average=polyak", "polyak_share=0.6"),
    "muon": ("optimizer=muon", "lr=0.01", "lr_batch=8", "sgd_lr=0.3", "norm_bias_rate=4"),
    "lookahead": ("average=lookahead", "identity=true"),
    "adamw patience": ("optimizer=adamw", "lr=0.01", "patience=2"),
    "frozen": ("frozen=conv1", "norms=frozen", "layer_decay=0.5"),
}


@pytest.mark.parametrize(
    ("settings", "precision"),
    [
        *(pytest.param(own, "fp32", id=f"{name} fp32") for name, own in VARIED.items()),
        pytest.param(EVERYTHING, "bf16", id="everything bf16"),
        *(
            pytest.param(own, "bf16", id=f"{name} bf16", marks=pytest.mark.slow)
            for name, own in VARIED.items()
            if own != EVERYTHING
        ),
    ],
)
def test_a_run_that_was_cut_ends_with_the_bytes_of_one_that_was_not(
    start: Callable, cuts: Callable, tmp_path: Path, settings: tuple[str, ...], precision: str
) -> None:
    whole = start("whole", *settings, precision=precision)
    cuts(8)
    with pytest.raises(Interrupted):
        start("cut", *settings, precision=precision)
    inceptionkit.resume(tmp_path / "cut")

    for name in ("model/model.safetensors", "log.jsonl", "predictions.csv"):
        assert (whole / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


@pytest.mark.parametrize("step", [3, 8, 14])
def test_a_run_with_a_whitened_first_layer_that_was_cut(
    tiny: Net, start: Callable, cuts: Callable, tmp_path: Path, step: int
) -> None:
    """After the first of three epochs its bias stops to learn; its kernels never do."""
    stem = Conv(12, (2, 2), padding="valid", norm=None, bias=True)
    net = replace(tiny, trunk=(("stem", stem), *tiny.trunk))
    settings = ("batch=8", "lr=1", "first_layer=whitened", "bias_share=0.3", "optimizer=muon")
    whole = start("whole", architecture=net, settings=settings)
    cuts(step)
    with pytest.raises(Interrupted):
        start("cut", architecture=net, settings=settings)
    inceptionkit.resume(tmp_path / "cut")

    for name in ("model/model.safetensors", "log.jsonl", "predictions.csv"):
        assert (whole / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name
    states = [load(path.read_bytes()[64:]) for path in checkpoints(whole / "checkpoints")]
    weights, biases = (
        [state[f"model.trunk.stem.conv.{name}"] for state in states] for name in ("weight", "bias")
    )
    assert torch.equal(weights[0][6:], -weights[0][:6])
    assert torch.equal(*weights)
    assert torch.equal(*biases), "after the second and the third epoch"
    assert biases[0].any()


def test_a_long_run_that_varies_its_images_more_was_cut(
    start: Callable,
    cuts: Callable,
    record: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is decided once, from the first plan, before the first step."""
    for module in (defaults, session):
        monkeypatch.setattr(module, "LONG", 3)
    whole = start("whole")
    cuts(8)
    with pytest.raises(Interrupted):
        start("cut")
    monkeypatch.undo()
    inceptionkit.resume(tmp_path / "cut")
    told = record(whole)

    assert told["recipe"]["augmentation"]["policy"] == {"type": "trivial"}
    assert told["recipe"]["mixing"] == {"mixup": 0.2, "cutmix": 1.0}
    assert sum("images by heart" in reason for reason in told["reasons"]) == 2
    for name in ("model/model.safetensors", "log.jsonl", "predictions.csv"):
        assert (whole / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_a_first_layer_that_is_frozen_does_not_learn_a_bias(job: TrainConfig) -> None:
    stem = Conv(12, (2, 2), padding="valid", norm=None, bias=True)
    net = replace(job.net, trunk=(("stem", stem), *job.net.trunk))
    frozen = replace(
        job, net=net, recipe=override(job.recipe, ["first_layer=whitened", "frozen=stem"])
    )
    free = replace(frozen, recipe=override(frozen.recipe, ["frozen=none"]))
    for config, learns in ((frozen, False), (free, True)):
        state = new_state(config)
        list(train(config, planned(state, 1)))
        bias = state.model.trunk["stem"].conv.bias

        assert bias.requires_grad == bool(bias.any()) == learns


def test_a_run_whose_exits_are_fitted_anew_was_cut(
    start: Callable, cuts: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also at its very end, where they are fitted once more."""
    monkeypatch.setattr(heads, "_REFIT_SHARE", 1.0)
    settings = ("batch=8", "lr=0.1", "policy=photometric")
    whole = start("whole", settings=settings)
    last = start("without", settings=(*settings, "refit_exits=false"))
    for step in (8, 15):
        cuts(step)
        with pytest.raises(Interrupted):
            start(f"cut-{step}", settings=settings)
        inceptionkit.resume(tmp_path / f"cut-{step}")
    one, other = (read_model(run / "model")[1] for run in (whole, last))

    assert {name.split(".")[0] for name in one if (one[name] != other[name]).any()} == {"exits"}
    for name in ("model/model.safetensors", "log.jsonl", "predictions.csv"):
        for step in (8, 15):
            found = (tmp_path / f"cut-{step}" / name).read_bytes()
            assert (whole / name).read_bytes() == found, (name, step)


def test_updates_that_are_read_late_give_the_same_run(
    start: Callable, cuts: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU; a checkpoint waits until all that it holds was read."""
    whole = start("whole", *EVERYTHING)
    made = TrainConfig.__post_init__

    def late(config: TrainConfig) -> None:
        made(config)
        vars(config)["reads_late"] = True

    monkeypatch.setattr(TrainConfig, "__post_init__", late)
    late = start("late", *EVERYTHING)
    cuts(8)
    with pytest.raises(Interrupted) as caught:
        start("cut", *EVERYTHING)
    inceptionkit.resume(tmp_path / "cut")

    assert str(caught.value).startswith("stopped after step 9; "), "the next one is whole"
    for name in ("model/model.safetensors", "log.jsonl", "predictions.csv"):
        for other in (late, tmp_path / "cut"):
            assert (whole / name).read_bytes() == (other / name).read_bytes(), name


@pytest.fixture
def job(tiny: Net) -> TrainConfig:
    """Random images; each class has a brightness of its own."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 10
    pixels = (
        torch.randint(0, 25, (60, 3, 16, 16), generator=random) + labels[:, None, None, None] * 20
    )
    images = Images(
        pixels.to(torch.uint8), labels, torch.ones(60).double().numpy(), tuple(map(str, range(60)))
    )
    return TrainConfig(
        net=tiny,
        recipe=override(MODERN, ["batch=20", "lr=1"]),
        execution=Execution(),
        preprocessing=Preprocessing(size=16),
        train=images,
        val=images,
        seed=0,
    )


def planned(state: TrainState, steps: int) -> TrainState:
    """The state with one plan, of so many steps."""
    state.plans = [
        Plan(step=0, steps=steps, progress=0.0, images_per_second=1, seconds_left=None, why="")
    ]
    return state


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_the_finder_leaves_everything_as_it_found_it(job: TrainConfig, kind: str) -> None:
    """After it the run goes on as one that was never swept, bit for bit; so do the generators."""
    job = replace(job, recipe=override(job.recipe, [f"optimizer={kind}"]))
    one, two = new_state(job), new_state(job)
    for state in (one, two):
        list(train(job, planned(state, 4)))
    generator = torch.get_rng_state()
    sweep = find_lr(job, two)

    assert 1e-5 < sweep.rate < 10
    assert torch.equal(generator, torch.get_rng_state())
    assert two.step == one.step
    assert two.usual_norm == one.usual_norm
    for state in (one, two):
        list(train(job, planned(state, 9)))
    for part in ("model", "average"):
        pair = [getattr(state, part).state_dict() for state in (one, two)]
        assert all(torch.equal(pair[0][name], pair[1][name]) for name in pair[0])
    found, expected = (moments(state.optimizer, state.model) for state in (two, one))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_rate_that_a_sweep_found_is_written_before_it_is_used(
    start: Callable, record: Callable
) -> None:
    told = record(start("run", settings=("batch=8",), find_lr=True, epochs=1))

    assert told["recipe"]["optimizer"]["lr"] != 3.0
    assert any("a range test of" in reason for reason in told["reasons"])


def test_the_scale_of_the_loss_in_fp16_is_remembered(job: TrainConfig, tmp_path: Path) -> None:
    """Torch scales on CPUs too, where `train` refuses fp16: half precision is too slow there."""
    job = replace(job, execution=Execution(precision="fp16"))
    whole, cut = new_state(job), new_state(job)
    for state in (whole, cut):
        state.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**30, growth_interval=3)
    list(train(job, planned(whole, 9)))
    list(train(job, planned(cut, 6)))
    save_state(tmp_path, cut)
    again = restore(tmp_path, job).state
    again.scaler.set_growth_interval(3)
    list(train(job, planned(again, 9)))

    assert whole.scaler.state_dict() == again.scaler.state_dict()
    assert whole.scaler.get_scale() < 2.0**30, "the first scale is too large for half precision"
    pair = [state.average.state_dict() for state in (whole, again)]
    assert all(torch.equal(pair[0][name], pair[1][name]) for name in pair[0])


def test_of_the_checkpoints_the_last_two_whole_ones_are_kept(
    job: TrainConfig, tmp_path: Path
) -> None:
    """A damaged one is removed, be it before or after the update that is saved next."""
    state = new_state(job)

    def saved(step: int) -> list[int]:
        state.step = step
        save_state(tmp_path, state)
        return [int(path.stem.removeprefix("step-")) for path in checkpoints(tmp_path)]

    def damage_the_newest() -> None:
        newest = checkpoints(tmp_path)[0]
        newest.write_bytes(newest.read_bytes()[:-1])

    kept = [saved(step) for step in (3, 6, 9)]
    for step in (8, 10):
        damage_the_newest()
        assert restore(tmp_path, job).state.step == 6
        kept.append(saved(step))

    assert kept == [[3], [6, 3], [9, 6], [8, 6], [10, 6]]


def test_accumulation_changes_nothing_but_rounding(job: TrainConfig, tiny: Net) -> None:
    """Without norms, in float64; also with parts that are not equal."""
    from inceptionkit.spec.edit import rewrite

    def bare(op: Any) -> Any:
        return replace(op, norm=None, bias=True) if getattr(op, "norm", None) else op

    net = replace(tiny, trunk=tuple((n, rewrite(b, bare)) for n, b in tiny.trunk))
    losses = []
    for parts in (1, 2, 7):
        settings = [f"grad_accum={parts}", "mixup=0.3"]
        this = replace(
            job,
            net=net,
            recipe=override(job.recipe, settings),
            execution=Execution(precision="fp64"),
        )
        events = train(this, planned(new_state(this), 6))
        losses.append([e.loss for e in events if isinstance(e, StepEnded)])

    assert losses[1] == pytest.approx(losses[0], abs=1e-12)
    assert losses[2] == pytest.approx(losses[0], abs=1e-12)


def test_the_pass_that_settles_two_processes_leaves_frozen_norms_frozen(job: TrainConfig) -> None:
    job = replace(job, recipe=override(job.recipe, ["norms=frozen"]))
    state = new_state(job)
    modes = [module.training for module in state.model.modules()]
    warm_up(state.model, state.model)

    assert [module.training for module in state.model.modules()] == modes
    assert {True, False} == set(modes)


def test_what_is_frozen_stays_to_the_last_bit(job: TrainConfig) -> None:
    recipe = override(job.recipe, ["frozen=inception2", "norms=frozen"])
    job = replace(job, recipe=recipe)
    state = new_state(job)
    before = {k: v.clone() for k, v in state.model.state_dict().items()}
    list(train(job, planned(state, 6)))
    for model in (state.model, state.average):
        after = model.state_dict()
        same = {name for name in before if torch.equal(before[name], after[name])}

        assert {n for n in before if n.startswith(("trunk.conv1", "trunk.inception2"))} <= same
        assert {n for n in before if ".bn." in n} <= same
        assert "trunk.inception3.p1.0.conv.weight" not in same
        assert "exits.first.1.fc.weight" not in same


def test_patience_ends_the_run_and_keeps_the_best(
    job: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.0])
    monkeypatch.setattr(validation, "log_loss", lambda *_: next(losses))
    job = replace(job, recipe=override(job.recipe, ["patience=2"]))
    state = new_state(job)
    best: dict[str, torch.Tensor] = {}
    for event in train(job, planned(state, 3 * 10)):
        if isinstance(event, EpochEnded) and event.row["epoch"] == 2:
            best = {k: v.clone() for k, v in state.average.state_dict().items()}

    assert len(state.rows) == 4, "two epochs after the best"
    assert all(torch.equal(v, best[k]) for k, v in state.kept.state_dict().items())
    assert not all(torch.equal(v, best[k]) for k, v in state.average.state_dict().items())


def test_a_run_cut_after_its_best_epoch_stops_where_the_other_did(
    start: Callable,
    cuts: Callable,
    record: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Six updates an epoch; val loss is lowest after the second of ten."""
    losses = [3.0, 2.0, 2.5, 2.4, 1.0]
    rows: list[float] = []

    def scripted(*_: object) -> float:
        rows.append(losses[len(rows)])
        return rows[-1]

    monkeypatch.setattr(validation, "log_loss", scripted)
    whole = start("whole", "patience=2", epochs=10)
    rows.clear()
    cuts(15)
    with pytest.raises(Interrupted):
        start("cut", "patience=2", epochs=10)
    inceptionkit.resume(tmp_path / "cut")

    assert record(whole)["result"]["epochs"] == 4.0, "two epochs after the best"
    for name in ("model/model.safetensors", "log.jsonl", "predictions.csv"):
        assert (whole / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_a_gradient_that_explodes_stops_the_run(
    job: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inceptionkit.training.health.SETTLED", 10)
    honest = loop.train_step

    def burst(job: TrainConfig, state: Any, *args: Any, **options: Any) -> Any:
        watched = honest(job, state, *args, **options)
        return replace(watched, norm=watched.norm * 1e6) if state.step == 20 else watched

    monkeypatch.setattr(loop, "train_step", burst)
    with pytest.raises(TrainingError, match=r"^the gradient's norm is .*, which usually is ") as e:
        list(train(job, planned(new_state(job), 30)))
    clipped = replace(job, recipe=override(job.recipe, ["clip_grad_norm=5"]))
    list(train(clipped, planned(new_state(clipped), 30)))

    assert "at step 21 (learning rate 0.0" in str(e.value)
    assert "start again with lr=0.33 or clip_grad_norm=1" in str(e.value)


@pytest.mark.parametrize("settings", [(), ("clip_grad_norm=5",)])
def test_a_gradient_that_is_not_finite_stops_the_run_before_it_is_saved(
    job: TrainConfig, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...]
) -> None:
    job = replace(job, recipe=override(job.recipe, settings))
    state = new_state(job)
    honest = loop.gradient_norm

    def poisoned(model: torch.nn.Module) -> torch.Tensor:
        if state.step == 12:
            next(iter(model.parameters())).grad[0] = float("inf")
        return honest(model)

    monkeypatch.setattr(loop, "gradient_norm", poisoned)
    with pytest.raises(TrainingError, match=r"^the gradient is not finite at step 13 \(learning"):
        list(train(job, planned(state, 30)))


def test_weights_that_overflow_with_the_last_update_are_not_kept(
    job: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = loop.train_step

    def overflown(job: TrainConfig, state: Any, *args: Any, **options: Any) -> Any:
        watched = honest(job, state, *args, **options)
        if state.step == 9:
            with torch.no_grad():
                state.model.trunk["conv1"].conv.weight[0, 0, 0, 0] = float("inf")
        return watched

    monkeypatch.setattr(loop, "train_step", overflown)
    with pytest.raises(TrainingError, match=r"^trunk.conv1.conv.weight is not finite after step"):
        list(train(job, planned(new_state(job), 10)))


def test_a_block_that_is_dead_stops_the_run(job: TrainConfig) -> None:
    state = new_state(job)
    for model in (state.model, state.average):
        with torch.no_grad():
            model.trunk["conv1"].bn.bias.fill_(-1e6)
    with pytest.raises(TrainingError, match=r"^no ReLU of trunk.conv1 fires for any image after"):
        list(train(job, planned(state, 3)))


def test_the_share_of_dead_relus_is_logged(job: TrainConfig) -> None:
    state = new_state(job)
    with torch.no_grad():
        for model in (state.model, state.average):
            model.trunk["inception2"]["p1"][0].bn.bias.fill_(-1e6)
    list(train(job, planned(state, 3)))
    channels = 12 + 2 * (8 + 6 + 12 + 4)

    assert state.rows[0]["dead_relus"] > 7.9 / channels


@pytest.fixture
def taught(start: Callable) -> Path:
    return start("taught", epochs=1)


def tensors(run: Path) -> dict[str, Any]:
    return read_model(run)[1]


def test_fine_tuning_takes_over_weights_preprocessing_and_classifiers(
    start: Callable, taught: Path, record: Callable
) -> None:
    """The same classes: with a frozen trunk and no learning to speak of nothing changes."""
    run = start(
        "tuned", "lr=1e-9", "frozen=trunk", "weight_decay=0", architecture=None, from_=taught
    )
    one, two = tensors(taught), tensors(run)

    assert record(run)["recipe"]["name"] == "finetune"
    assert record(run)["start"]["same_classes"] is True
    for name, value in one.items():
        assert two[name] == pytest.approx(value, abs=1e-6), name


def test_other_classes_get_new_classifiers_everywhere(
    taught: Path, photos: Callable, tmp_path: Path
) -> None:
    data = photos(("a", "b", "c", "d"), each=20, at="others")
    settings = ("batch=8", "frozen=trunk")
    inceptionkit.train(data, from_=taught, out=tmp_path / "run", epochs=1, settings=settings)
    one, two = tensors(taught), tensors(tmp_path / "run")

    assert two["head.2.fc.weight"].shape == (4, 24)
    assert two["exits.first.1.fc.weight"].shape[0] == 4
    assert all((two[name] == one[name]).all() for name in one if name.startswith("trunk."))


def test_exits_are_added_and_removed(start: Callable, taught: Path) -> None:
    run = start(
        "run", "frozen=trunk", "lr=1e-9", architecture=None, from_=taught,
        exits=("inception2", "pool2"),
    )  # fmt: skip
    card, found = read_model(run)

    assert [(e.name, e.after) for e in card.architecture.exits] == [
        ("second", "inception2"), ("pool2", "pool2"),
    ]  # fmt: skip
    before = tensors(taught)["exits.second.1.fc.weight"]
    assert found["exits.second.1.fc.weight"] == pytest.approx(before, abs=1e-6)


def test_requests_that_cannot_be_met(start: Callable, taught: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"^--from .* brings its architecture; leave --arch out"):
        start("run", from_=taught)
    with pytest.raises(RecipeError, match=r"^--from .* brings its architecture; leave --cost out"):
        start("run", architecture=None, from_=taught, cost="1MMAC")
    with pytest.raises(RecipeError, match=r"^--from .* brings its preprocessing; leave pixel_std"):
        start("run", "pixel_std=0.3", architecture=None, from_=taught)
    with pytest.raises(RecipeError, match=r"^lr and --find-lr both decide the learning rate; leav"):
        start("run", find_lr=True)
    with pytest.raises(WeightsError, match=r"no such model"):
        start("run", architecture=None, from_=tmp_path / "gone")
    with pytest.raises(RecipeError, match=r"^frozen: tiny has no block 'conv2'; did you mean"):
        start("run", "frozen=conv2")
    with pytest.raises(RecipeError, match=r"^fp16 is for GPUs, and this run is on the CPU; "):
        start("run", precision="fp16")

    assert not (tmp_path / "run").exists()


def test_a_model_that_changed_since_the_run_began_is_refused(
    start: Callable, taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before its first checkpoint: the model is needed once more."""

    def falls(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("inceptionkit.training.run.session.train", falls)
    with pytest.raises(ConnectionError):
        start("cut", architecture=None, from_=taught)
    monkeypatch.undo()
    start("other", epochs=2)
    (taught / "model").rename(tmp_path / "old")
    (tmp_path / "other" / "model").rename(taught / "model")
    with pytest.raises(RunError, match=r"the model changed since the run began; start the run"):
        inceptionkit.resume(tmp_path / "cut")


def test_a_budget_of_work_is_a_number_of_updates(start: Callable, record: Callable) -> None:
    """tiny at 12 px: MACs of trunk, head and both exits; 48 training images, 6 updates an epoch."""
    from inceptionkit.derive import cost
    from inceptionkit.spec import with_classes

    run = start("run", epochs=1)
    net = with_classes(read_model(run)[0].architecture, 3)
    update = 2 * 3 * cost(net).with_exits.macs * 8
    told = record(start("work", epochs=None, budget=f"{13.5 * update:.0f}flop"))

    assert told["plans"][0]["steps"] == 13
    assert told["plans"][0]["seconds_left"] is None
    with pytest.raises(
        RecipeError, match=r"is too small for one epoch of .*; the smallest possible budget is"
    ) as e:
        start("none", epochs=None, budget=f"{5.9 * update:.0f}flop")
    least = float(str(e.value).rpartition(" is ")[2].removesuffix("flop"))
    assert 6 * update <= least < 6.1 * update


def test_the_images_may_have_changed_where_that_is_allowed(
    start: Callable, cuts: Callable, record: Callable, tmp_path: Path
) -> None:
    cuts(8)
    with pytest.raises(Interrupted):
        start("cut")
    (tmp_path / "photos" / "dark" / "0.png").unlink()
    with pytest.raises(RunError, match=r"changed since the run began"):
        inceptionkit.resume(tmp_path / "cut")

    before = record(tmp_path / "cut")
    done = inceptionkit.resume(tmp_path / "cut", allow_changed=True)
    told = record(tmp_path / "cut")

    assert done.epochs > 2
    assert told["data"]["fingerprint"] != before["data"]["fingerprint"]
    assert sum(told["data"]["sets"].values()) == sum(before["data"]["sets"].values()) - 1
    assert told["reasons"][-1].startswith("the images changed after the run began: ")


def test_a_batch_that_does_not_fit_is_computed_in_parts(
    start: Callable, record: Callable, tiny: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU is tried, and a prediction that was too bold is corrected."""
    from inceptionkit.training import autotune

    honest, tried = autotune.time_steps, []

    def short(job: TrainConfig, ways: Any, limits: Any) -> Any:
        tried.append(job.recipe.batching.grad_accum)
        if job.recipe.batching.grad_accum < 4:
            raise torch.OutOfMemoryError
        return honest(job, ways, limits)

    monkeypatch.setattr(autotune, "time_steps", short)
    told = record(start("run", epochs=1))

    assert tried == [1, 2, 4]
    assert told["recipe"]["batching"]["grad_accum"] == 4
    assert told["recipe"]["batching"]["batch"] == 8
    assert "grad_accum=4: a larger part of the batch does not fit into memory" in told["reasons"]

    scarce = update_bytes(replace(tiny, image=(3, 12, 12)), 1, itemsize=4) / 2  # less is refused
    monkeypatch.setattr(autotune, "free_bytes", lambda _: scarce)
    assert record(start("tight", epochs=1))["recipe"]["batching"]["grad_accum"] == 8


ONE_CELL = (GlobalPool(), Conv(8), Linear(3, classifier=True))  # with a batch norm


def test_no_part_is_too_small_for_a_batch_norm_on_one_cell(
    start: Callable, record: Callable, tiny: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image has no spread there: the memory plan stops at parts of two."""
    net = replace(tiny, image=(3, 12, 12), head=ONE_CELL)
    scarce = update_bytes(net, 1, itemsize=4) / 2  # less is refused
    monkeypatch.setattr("inceptionkit.training.autotune.free_bytes", lambda _: scarce)
    told = record(start("run", architecture=net, epochs=1))

    assert told["recipe"]["batching"] == told["recipe"]["batching"] | {"batch": 8, "grad_accum": 4}


def test_parts_of_one_image_are_refused_where_a_batch_norm_sees_one_cell(
    start: Callable, tiny: Net
) -> None:
    net = replace(tiny, image=(3, 12, 12), head=ONE_CELL)
    with pytest.raises(RecipeError) as caught:
        start("run", architecture=net, epochs=1, settings=("batch=2", "grad_accum=2"))

    assert str(caught.value) == (
        "grad_accum=2: one image alone is too few for the batch norm at head.1, whose grid is one "
        "cell; use a batch of 4 or more"
    )
    start(
        "frozen", architecture=net, epochs=1, settings=("batch=2", "grad_accum=2", "norms=frozen")
    )


def test_a_batch_that_just_fits_in_fp32_is_computed_in_parts_in_fp64(
    start: Callable, record: Callable, tiny: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = replace(tiny, image=(3, 12, 12), head=DROPPING)
    enough = update_bytes(net, 8, itemsize=4) / USABLE + 1
    monkeypatch.setattr("inceptionkit.training.autotune.free_bytes", lambda _: enough)
    parts = [
        record(start(precision, epochs=1, precision=precision))["recipe"]["batching"]["grad_accum"]
        for precision in ("fp32", "fp64")
    ]

    assert parts[0] == 1
    assert parts[1] > 1
