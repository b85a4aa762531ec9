"""No image that a model was trained on is scored as if it were new: labels here are random."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inceptionkit
from inceptionkit.data import decode_samples, open_dataset
from inceptionkit.deployment.backends import read_subject
from inceptionkit.deployment.benchmark import tuning_and_test_images
from inceptionkit.errors import DataError, Interrupted, RunError
from inceptionkit.evaluation.held_out import load_scored, tuning_and_test_samples
from inceptionkit.model import Seen, read_model, write_model
from inceptionkit.model.seen import NOTHING, SEEN, among
from inceptionkit.progress import Silence
from inceptionkit.spec import Net

CLASSES = ("a", "b", "c", "d", "e")
EACH = 20  # images of a class: 16 to train with, 2 for val, 2 for test
TEST = 2 * len(CLASSES)
PLAIN = ("batch=8", "flip=none", "label_smoothing=0", "area_low=1", "aspect=1", "lr=0.4")


def noise(folder: Path, *, first: int = 0, each: int = EACH, suffix: str = ".png") -> Path:
    """Images of noise; the numbers of the classes begin at `first`."""
    for number, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(first, first + each):
            pixels = np.random.default_rng((number, index)).integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}{suffix}")
    return folder


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seen")


@pytest.fixture(scope="module")
def trained(module_folder: Path, tiny: Net) -> tuple[Path, Path]:
    """Images, and a run that knows many of them by heart."""
    data, run = noise(module_folder / "data"), module_folder / "run"
    net = replace(tiny, exits=tiny.exits[:1])
    inceptionkit.train(data, settings=PLAIN, architecture=net, epochs=25, out=run)
    return data, run


@pytest.fixture
def data(trained: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the images that may be changed."""
    return Path(shutil.copytree(trained[0], tmp_path / "copy"))


def one_added(data: Path) -> Path:
    noise(data, first=99, each=1)
    return data


def one_removed(data: Path) -> Path:
    (data / "a" / "0.png").unlink()
    return data


def renamed(data: Path) -> Path:
    for file in data.rglob("*.png"):
        file.rename(file.with_name(f"photo {file.name}"))
    return data


def saved_again(data: Path) -> Path:
    for file in data.rglob("*.png"):
        Image.open(file).save(file.with_suffix(".bmp"))
        file.unlink()
    return data


def in_a_manifest(data: Path) -> Path:
    rows = [f"{file.relative_to(data)},{file.parent.name}" for file in data.rglob("*.png")]
    (data / "list.csv").write_text("\n".join(["path,label", *rows]))
    return data / "list.csv"


def in_an_archive(data: Path) -> Path:
    return Path(shutil.make_archive(str(data), "zip", data))


def in_a_table(data: Path) -> Path:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow: pip install inceptionkit[data]")
    from pyarrow import parquet

    files = sorted(data.rglob("*.png"))
    images = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    labels = [file.parent.name for file in files]
    parquet.write_table(pa.table({"image": images, "label": labels}), data.with_suffix(".parquet"))
    return data.with_suffix(".parquet")


CHANGES = (one_added, one_removed, renamed, saved_again, in_a_manifest, in_an_archive, in_a_table)


def test_the_run_knows_its_training_images(trained: tuple[Path, Path]) -> None:
    """Otherwise the tests below would find nothing: by chance it would be right in 20 %."""
    data, run = trained
    files = sorted(data.rglob("*.png"))
    answers = inceptionkit.predict(run, [str(file) for file in files])
    pairs = zip(answers.answers, files, strict=True)
    right = [answer.to_json()["label"] == file.parent.name for answer, file in pairs]

    assert np.mean(right) > 0.4


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_trained_on_is_left_out_image_by_image(
    trained: tuple[Path, Path], data: Path, change: Callable[[Path], Path]
) -> None:
    expected = TEST + {one_added: len(CLASSES), one_removed: 0}.get(change, 0)
    found = inceptionkit.evaluate(trained[1], change(data)).evaluation

    assert expected - 1 <= found.scores.images <= expected  # the one removed may be a test image
    assert found.scores.top1 < 0.6
    assert f"left out: trained on {16 * len(CLASSES)}" in found.which or change is one_removed


def test_as_it_was_the_data_is_scored_as_at_the_end_of_the_run(trained: tuple[Path, Path]) -> None:
    data, run = trained
    found = inceptionkit.evaluate(run, data).evaluation

    assert found.which == "new to the model (90 of 100 left out: trained on 80, chosen by 10)"
    assert found.scores.top1 == read_model(run)[0].metrics["top1"]


def test_other_images_under_the_same_names_and_sizes_are_new(
    trained: tuple[Path, Path], data: Path
) -> None:
    other = noise(data.with_name("other"), first=500)
    for file in data.rglob("*.png"):
        index = int(file.stem) + 500
        (other / file.parent.name / f"{index}.png").replace(file)
    found = inceptionkit.evaluate(trained[1], data).evaluation

    assert (found.scores.images, found.which) == (100, "all there are")


def test_exits_are_chosen_by_val_and_scored_on_what_is_new(
    trained: tuple[Path, Path], data: Path
) -> None:
    dataset = open_dataset(one_added(data))
    card, _ = read_model(trained[1])
    choosing, scoring = tuning_and_test_samples(card, dataset, Silence())
    images = load_scored(card, dataset, scoring, Silence())

    assert (len(choosing.indices), choosing.why) == (10, "val, not trained on")
    assert len(scoring.indices) == len(images) == TEST + len(CLASSES)
    assert not set(choosing.indices.tolist()) & set(scoring.indices.tolist())
    assert scoring.why.startswith("new to the model (90 of 105 left out: ")


def test_so_do_crops_int8_variants_and_bench(trained: tuple[Path, Path], data: Path) -> None:
    data, run = one_added(data), trained[1]
    card, _ = read_model(run)
    crops = inceptionkit.evaluate(run, data, crops="1").evaluation
    choosing, scored = tuning_and_test_images(card, data, Silence())  # of variants and bench

    assert crops.scores.images == len(scored.fitted) == TEST + len(CLASSES)
    assert crops.which == scored.source
    assert len(choosing.fitted) == 10


def test_exported_and_pruned_models_know_it_too(trained: tuple[Path, Path], tmp_path: Path) -> None:
    data, run = trained
    pruned = inceptionkit.prune(run, at="first", out=tmp_path / "pruned").model
    exported = inceptionkit.export(run, to="torch", out=tmp_path / "exported").model
    found = inceptionkit.evaluate(pruned, data).evaluation

    assert (pruned / SEEN).read_bytes() == (run / "model" / SEEN).read_bytes()
    assert (exported / SEEN).read_bytes() == (run / "model" / SEEN).read_bytes()
    assert found.scores.images == TEST
    assert read_subject(exported).card.seen is not None


def test_a_model_that_has_seen_everything_is_not_scored(
    trained: tuple[Path, Path], data: Path
) -> None:
    card, _ = read_model(trained[1])
    dataset = open_dataset(data)
    every = decode_samples(dataset, range(len(dataset.samples)), card.preprocessing.fit).hashes
    all_seen = replace(card, seen=Seen.of(every, every))
    with pytest.raises(DataError) as caught:
        tuning_and_test_samples(all_seen, dataset, Silence())

    assert str(caught.value) == (
        f"{data}: 0 of 100 images are new to the model (100 of 100 left out: trained on 100); "
        "give other images"
    )


def scored_paths(run: Path) -> set[str]:
    return {
        row["path"] for row in csv.DictReader((run / "predictions.csv").read_text().splitlines())
    }


@pytest.mark.parametrize("split_seed", [0, 7])
def test_what_an_ancestor_was_trained_on_is_never_val_or_test(
    trained: tuple[Path, Path], tmp_path: Path, split_seed: int
) -> None:
    data, run = trained
    child, grandchild = tmp_path / "child", tmp_path / "grandchild"
    inceptionkit.train(data, from_=run, split_seed=split_seed, epochs=1, out=child)
    sets = json.loads((child / "run.json").read_text())["data"]["sets"]
    inceptionkit.train(data, from_=child, split_seed=split_seed + 1, epochs=1, out=grandchild)
    first, last = (read_model(folder)[0].seen for folder in (run, grandchild))
    found = inceptionkit.evaluate(grandchild, data).evaluation

    assert scored_paths(grandchild) == scored_paths(child) == scored_paths(run)
    assert sets == {"train": 80, "val": 10, "test": 10}
    assert first is not None
    assert last is not None
    assert set(first.trained.tolist()) <= set(last.trained.tolist())
    assert found.scores.images == TEST


def test_a_run_on_nothing_but_what_the_model_knows_is_refused(
    trained: tuple[Path, Path], data: Path, tmp_path: Path
) -> None:
    card, tensors = read_model(trained[1])
    dataset = open_dataset(data)
    every = decode_samples(dataset, range(len(dataset.samples)), card.preprocessing.fit).hashes
    write_model(tmp_path / "model", replace(card, seen=Seen.of(every, every)), tensors)
    with pytest.raises(DataError, match=r": val would be empty, because the model was trained on"):
        inceptionkit.train(data, from_=tmp_path / "model", epochs=1, out=tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_the_seed_does_not_move_the_division(trained: tuple[Path, Path], tiny: Net) -> None:
    data, run = trained
    options = {"architecture": tiny, "epochs": 1, "settings": ("batch=8",)}
    same = inceptionkit.train(data, seed=5, out=run.with_name("same"), **options).run
    other = inceptionkit.train(data, split_seed=5, out=run.with_name("other"), **options).run

    assert scored_paths(same) == scored_paths(run)
    assert scored_paths(other) != scored_paths(run)


@pytest.fixture
def cut(tiny: Net, tmp_path: Path, cuts: Callable[[int], None]) -> Path:
    """A run of 4 epochs of 10 steps on uncompressed files, interrupted in the second one."""
    data = noise(tmp_path / "copy", suffix=".bmp")
    cuts(15)
    options = {"architecture": tiny, "epochs": 4, "settings": ("batch=8",)}
    with pytest.raises(Interrupted):
        inceptionkit.train(data, out=tmp_path / "cut", **options)
    return tmp_path / "cut"


def test_images_that_change_places_do_not_resume_a_run(cut: Path) -> None:
    data = cut.with_name("copy")
    one, other = data / "a" / "0.bmp", data / "b" / "0.bmp"
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])
    with pytest.raises(RunError, match=r"holds other images under the same names than when"):
        inceptionkit.resume(cut)
    one.write_bytes(contents[0])
    other.write_bytes(contents[1])

    assert inceptionkit.resume(cut).epochs == 4


def test_what_an_interrupted_run_was_trained_on_never_becomes_val_or_test(
    cut: Path,
) -> None:
    """Under other names the division is another; and there are images more."""
    data = cut.with_name("copy")
    before = Seen.from_bytes((cut / SEEN).read_bytes(), cut)
    for file in data.rglob("*.bmp"):
        file.rename(file.with_name(f"photo {file.name}"))
    noise(data, first=EACH, each=EACH, suffix=".bmp")
    done = inceptionkit.resume(cut, allow_changed=True)
    card, _ = read_model(cut)
    after = card.seen or NOTHING
    found = inceptionkit.evaluate(cut, data).evaluation
    dataset = open_dataset(data)
    decoded = decode_samples(dataset, range(len(dataset.samples)), card.preprocessing.fit)
    names = [dataset.samples.names[i] for i in decoded.indices.tolist()]
    seen = dict(zip(names, among(decoded.hashes, before.trained), strict=True))

    assert sum(seen.values()) == 80
    assert not any(seen[path] for path in scored_paths(cut))
    assert set(before.trained.tolist()) <= set(after.trained.tolist())
    assert found.scores.images == done.images == 4 * len(CLASSES)
    assert found.scores.top1 == done.top1


def test_a_budget_of_epochs_is_planned_anew_for_other_images(cut: Path) -> None:
    """10 steps an epoch become 20: the half of the second epoch that is left, and two more."""
    data = cut.with_name("copy")
    noise(data, first=EACH, each=EACH, suffix=".bmp")
    done = inceptionkit.resume(cut, allow_changed=True)
    rows = list(csv.DictReader((cut / "log.csv").read_text().splitlines()))
    plan = json.loads((cut / "run.json").read_text())["plans"][-1]
    again = inceptionkit.resume(cut)

    assert done.epochs == again.epochs == 4.0
    assert [float(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert [int(row["step"]) for row in rows] == [20, 40, 60, 80]
    assert float(rows[-1]["lr"]) == pytest.approx(0, abs=1e-6)
    assert plan["steps"] == 80


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No training image fits into memory."""
    monkeypatch.setattr("inceptionkit.data.loading.sets.TRAIN_MEMORY", 100)


@pytest.mark.usefixtures("on_disk")
def test_of_images_that_are_streamed_the_files_are_known(cut: Path, tmp_path: Path) -> None:
    """Saved again they are not: their pixels were never decoded as a whole."""
    files = cut.with_name("copy")
    first, second = files / "a" / "0.bmp", files / "a" / "1.bmp"
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    with pytest.raises(RunError, match=r"holds other images under the same names than when"):
        inceptionkit.resume(cut)
    first.write_bytes(contents[0])
    second.write_bytes(contents[1])
    done = inceptionkit.resume(cut)
    found = inceptionkit.evaluate(cut, in_an_archive(files)).evaluation
    again = inceptionkit.evaluate(cut, noise(tmp_path / "again")).evaluation
    child = tmp_path / "child"
    inceptionkit.train(files, from_=cut, split_seed=1, epochs=1, out=child)
    sets = json.loads((child / "run.json").read_text())["data"]["sets"]

    assert done.epochs == 4
    assert found.which == "new to the model (90 of 100 left out: trained on 80, chosen by 10)"
    assert again.which == "new to the model (10 of 100 left out: chosen by 10)"
    assert scored_paths(child) <= scored_paths(cut)
    assert sum(sets.values()) == 100


def test_copies_in_a_test_set_as_given_are_not_scored(tiny: Net, tmp_path: Path) -> None:
    data = tmp_path / "divided"
    noise(data / "train")
    noise(data / "test", first=EACH, each=5)
    for index in range(2):
        shutil.copy(
            data / "train" / "a" / f"{index}.png", data / "test" / "a" / f"copy {index}.png"
        )
    options = {"architecture": tiny, "epochs": 1, "settings": ("batch=8",)}
    done = inceptionkit.train(data, out=tmp_path / "run", **options)
    found = inceptionkit.evaluate(tmp_path / "run", data).evaluation

    assert done.images == found.scores.images == 5 * len(CLASSES)
    assert not any("copy" in path for path in scored_paths(tmp_path / "run"))


VERBS: dict[str, Callable[..., object]] = {
    "evaluate": inceptionkit.evaluate,
    "evaluate --exits": lambda run, data: inceptionkit.evaluate(run, data, exits=True, goal="-90%"),
    "evaluate --crops": lambda run, data: inceptionkit.evaluate(run, data, crops="1,10"),
    "evaluate, two models": lambda run, data: inceptionkit.evaluate([run, run], data),
    "export --variants": lambda run, data: inceptionkit.export(
        run, data=data, variants=True, max_drop=100.0, out=data.parent / "variants"
    ),
    "export --fastest": lambda run, data: inceptionkit.export(
        run, data=data, fastest=True, max_drop=100.0, out=data.parent / "fastest"
    ),
    "bench": lambda run, data: inceptionkit.bench(run, data=data, ours=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_scores_leaves_them_out_and_says_so(
    trained: tuple[Path, Path], data: Path, verb: str
) -> None:
    """One image of each class was added: it used to make all others count as new."""
    pytest.importorskip("nncf", reason="needs the extra inceptionkit[deploy]")
    found = json.dumps(VERBS[verb](trained[1], one_added(data)).to_json(), default=str)  # type: ignore[attr-defined]

    assert "new to the model (90 of 105 left out: trained on 80, chosen by 10)" in found or (
        verb == "evaluate, two models"
        and "new to all models (90 of 105 left out: trained on 80, chosen by 10)" in found
    )
