"""Runs whose training images are read anew in every epoch, or whose classes are unequal."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import inceptionkit
from inceptionkit.data.loading import sets as prepare
from inceptionkit.data.loading.streaming import Stream
from inceptionkit.data.sources.digits import digits
from inceptionkit.errors import DataError, Interrupted
from inceptionkit.spec import Net
from inceptionkit.training.execution import Execution

pytestmark = pytest.mark.run


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """One way of computing: which is fastest differs by the hour."""
    monkeypatch.setattr(
        "inceptionkit.training.autotune.candidates",
        lambda device, *_: [Execution(device=device)],
    )


@pytest.fixture
def run(tiny: Net, tmp_path: Path) -> Callable[..., Path]:
    def train(data: Path, name: str, **options: Any) -> Path:
        net = replace(tiny, image=(3, 12, 12))
        usual = {"architecture": net, "epochs": 2, "settings": ("batch=8", "flip=none")}
        inceptionkit.train(data, out=tmp_path / name, **usual | options)
        return tmp_path / name

    return train


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def tarred(photos: Path, to: Path) -> Path:
    """Two shards of the photos, which are inflated in blocks."""
    to.mkdir()
    for number in range(2):
        with tarfile.open(to / f"{number}.tar.gz", "w:gz") as opened:
            for path in sorted(photos.rglob(f"*[{number * 5}-{number * 5 + 4}].png")):
                opened.add(path, str(path.relative_to(photos)))
    return to


def test_what_does_not_fit_into_memory_trains_to_the_same_weights_with_any_workers(
    photos: Callable, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = photos(("dark", "grey", "light"), each=20)
    monkeypatch.setattr(prepare, "TRAIN_MEMORY", 1)
    one, three = run(data, "one", workers=1), run(data, "three", workers=3)

    assert weights(one) == weights(three)


def test_what_parts_take_is_read_ahead_and_once(
    photos: Callable, run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part needs the partner of its first image, which another part shows."""
    data = tarred(photos(("dark", "grey", "light"), each=20), tmp_path / "shards")
    settings = ("batch=8", "flip=none", "grad_accum=3", "mixup=0.2", "cutmix=1", "norm_batches=2")
    late, crops = [], Stream.crops

    def noted(self: Stream, indices: Any, *rest: Any) -> Any:
        if self.begun:  # an update, and none of the probe's
            late.append(not np.array_equal(self.coming[0], indices))
        return crops(self, indices, *rest)

    monkeypatch.setattr(prepare, "TRAIN_MEMORY", 1)
    monkeypatch.setattr(Stream, "crops", noted)
    run(data, "streamed", settings=settings)

    assert len(late) > 30
    assert not any(late)


class Stops:
    """Asks to stop after some updates, as Ctrl-C does."""

    def __init__(self, after: int) -> None:
        self.after = after

    def say(self, sentence: str) -> None:
        """Not needed."""

    def epoch(self, row: object) -> None:
        """Not needed."""

    def progress(self, report: Any) -> None:
        if report.what == "training" and report.done >= self.after:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)


def test_a_run_goes_on_in_the_middle_of_a_shard(
    photos: Callable, run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tarred(photos(("dark", "grey", "light"), each=20), tmp_path / "shards")
    monkeypatch.setattr(prepare, "TRAIN_MEMORY", 1)
    monkeypatch.setattr("inceptionkit.training.run.session.PROGRESS_SECONDS", 0.0)
    whole = run(data, "whole")
    with pytest.raises(Interrupted):
        run(data, "cut", listener=Stops(after=3))
    steps = json.loads((tmp_path / "cut" / "run.json").read_text())["plans"][-1]["steps"]
    inceptionkit.resume(tmp_path / "cut")

    assert steps > 4, "there was something left to do"
    assert weights(tmp_path / "cut") == weights(whole)


def test_what_turns_out_to_be_unusable_is_listed_and_strict_stops(
    photos: Callable, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = photos(("dark", "grey", "light"), each=20)
    for path in sorted(data.rglob("*.png"))[::10]:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    held = run(data, "held")
    monkeypatch.setattr(prepare, "TRAIN_MEMORY", 1)
    streamed = run(data, "streamed")

    def listed(folder: Path) -> list[str]:
        return sorted((folder / "unusable.csv").read_text().splitlines())

    assert listed(streamed) == listed(held)
    assert len(listed(held)) == 7
    with pytest.raises(DataError, match=r"cannot be used|are not usable"):
        run(data, "strict", strict=True)


def record(run: Path) -> Any:
    return json.loads((run / "run.json").read_text())


@pytest.fixture
def unequal(photos: Callable) -> Path:
    """40 dark, 40 grey and 8 light images."""
    data = photos(("dark", "grey", "light"), each=40)
    for path in sorted((data / "light").iterdir())[8:]:
        path.unlink()
    return data


def test_unequal_classes_are_balanced_and_the_run_can_be_interrupted(
    unequal: Path, run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "TRAIN_MEMORY", 1)
    monkeypatch.setattr("inceptionkit.training.run.session.PROGRESS_SECONDS", 0.0)
    whole = run(unequal, "whole")
    with pytest.raises(Interrupted):
        run(unequal, "cut", listener=Stops(after=5))
    inceptionkit.resume(tmp_path / "cut")
    why = "balance=sample: the largest class has 5.3 times the images of the smallest, so that each"

    assert record(whole)["recipe"]["batching"]["balance"] == "sample"
    assert [reason for reason in record(whole)["reasons"] if reason.startswith(why)]
    assert weights(tmp_path / "cut") == weights(whole)


def test_the_user_decides_how_classes_are_balanced(unequal: Path, run: Callable) -> None:
    runs = {how: run(unequal, how, epochs=1, balance=how) for how in ("none", "loss", "sample")}

    assert {how: record(one)["recipe"]["batching"]["balance"] for how, one in runs.items()} == {
        how: how for how in runs
    }
    assert len({weights(one) for one in runs.values()}) == 3


def test_scores_do_not_depend_on_whether_the_images_fit_into_memory(
    photos: Callable, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = photos(("dark", "grey", "light"), each=40)
    trained = run(data, "run")
    held = inceptionkit.evaluate(trained, data)
    monkeypatch.setattr(prepare, "TRAIN_MEMORY", 1)
    again = inceptionkit.evaluate(trained, data)

    one, two = held.to_json(), again.to_json()

    assert one.pop("seconds") > 0 < two.pop("seconds")
    assert one == two


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "tar.gz", "parquet"])
def test_sorted_sources_larger_than_memory_train_as_well_as_a_folder(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The built-in digits, class after class, in memory for a twentieth of them; all reach 98 %."""
    made = digits()
    by_class = np.argsort(made.samples.labels, kind="stable").tolist()
    place, rows = tmp_path / f"digits.{kind}", []
    for number in by_class:
        held = io.BytesIO()
        Image.fromarray(made.images[number]).save(held, "PNG")
        rows.append((int(made.samples.labels[number]), number, held.getvalue()))
    if kind == "folder":
        for label, number, raw in rows:
            (place / str(label)).mkdir(parents=True, exist_ok=True)
            (place / str(label) / f"{number}.png").write_bytes(raw)
    elif kind == "parquet":
        pa = pytest.importorskip("pyarrow", reason="needs the extra inceptionkit[data]")
        import pyarrow.parquet as pq

        labels, _, images = zip(*rows, strict=True)
        pq.write_table(pa.table({"image": images, "label": labels}), place, row_group_size=100)
    else:
        with tarfile.open(place, "w:gz") as opened:
            for label, number, raw in rows:
                member = tarfile.TarInfo(f"{label}/{number:04}.png")
                member.size = len(raw)
                opened.addfile(member, io.BytesIO(raw))
    monkeypatch.setattr(prepare, "TRAIN_MEMORY", 1)
    for module in ("sampling", "streaming"):
        monkeypatch.setattr(f"inceptionkit.data.loading.{module}.WINDOW_BYTES", 10_000)
    monkeypatch.setattr("inceptionkit.data.storage.gzip._CLOSEST", 16_384)
    result = inceptionkit.train(place, out=tmp_path / "run", epochs=12, settings=("flip=none",))

    assert result.top1 >= 0.98
