"""`predict --out`: a table of all that `train` reads, resumed without a lost or doubled row."""

import csv
import gc
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import inceptionkit
from inceptionkit.deployment import bulk
from inceptionkit.errors import DataError, OptionError
from inceptionkit.progress import Progress


def rows_of(path: Path) -> list[dict]:
    if path.suffix == ".csv":
        return [
            {key: value or None for key, value in row.items()}
            for row in csv.DictReader(path.read_text().splitlines())
        ]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()


@pytest.fixture
def folder(photos: Callable[..., Path]) -> Path:
    place = photos(each=9)
    (place / "dark" / "3.png").write_bytes(b"no image")
    (place / "dark" / "bad.png").write_bytes(b"")
    return place


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_a_table_has_the_rows_that_predict_answers(
    tiny_model: Path, folder: Path, tmp_path: Path, ending: str
) -> None:
    out = tmp_path / f"answers{ending}"
    written = inceptionkit.predict(tiny_model, folder, out=out).written
    answers = inceptionkit.predict(tiny_model, folder).answers
    rows = rows_of(out)

    assert written == bulk.Bulk(out, len(answers), 2, 0)
    assert not (tmp_path / f"answers{ending}.parts").exists()
    assert [row["path"] for row in rows] == [one.path for one in answers]
    for row, one in zip(rows, answers, strict=True):
        assert row["error"] == one.error
        if one.prediction is None:
            assert row["label"] is row["probability"] is row["exit"] is None
        else:
            assert (row["label"], row["exit"]) == (one.prediction.label, one.prediction.exit)
            assert float(row["probability"]) == pytest.approx(one.prediction.probability, abs=1e-4)


def test_archives_tables_and_policies(tiny_model: Path, folder: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(folder, "photos")
    lines = [f"{folder}/light/{n}.png,light" for n in range(4)]
    lines += [f"{folder}/dark/{n}.png,dark" for n in range(2)]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *lines]))
    places = [tmp_path / "photos.tar", tmp_path / "list.csv"]
    out = tmp_path / "a.jsonl"
    inceptionkit.predict(tiny_model, places, out=out, early_exit=0.0)
    rows = rows_of(out)

    assert len(rows) == 19 + 6
    assert {row["exit"] for row in rows} == {"first", None}
    assert sum(row["error"] is not None for row in rows) == 2


def test_what_is_there_is_not_overwritten(tiny_model: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    out.write_text("mine")
    with pytest.raises(DataError, match="is there already; delete it"):
        inceptionkit.predict(tiny_model, folder, out=out)
    with pytest.raises(DataError, match=r"a table ends in \.parquet, \.csv, \.jsonl"):
        inceptionkit.predict(tiny_model, folder, out=tmp_path / "answers.txt")
    with pytest.raises(DataError, match="no such file or directory"):
        inceptionkit.predict(tiny_model, tmp_path / "none", out=tmp_path / "other.csv")

    assert out.read_text() == "mine"


def test_an_interrupted_call_goes_on_and_another_one_does_not(
    tiny_model: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PART_IMAGES", 4)
    monkeypatch.setattr(bulk, "_EVERY", 0.0)
    whole, out = tmp_path / "whole.jsonl", tmp_path / "answers.jsonl"
    inceptionkit.predict(tiny_model, folder, out=whole)

    def stop(report: object) -> None:
        if report.done >= 12:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inceptionkit.predict(tiny_model, folder, out=out, on_answer=stop)
    assert not out.exists()
    with pytest.raises(DataError, match="holds answers for other images, of another model"):
        inceptionkit.predict(tiny_model, folder / "light", out=out)
    written = inceptionkit.predict(tiny_model, folder, out=out).written

    assert written is not None
    assert written.resumed == 12
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.fault
def test_killed_anywhere_no_row_is_lost_or_doubled(
    tiny_model: Path, photos: Callable[..., Path], tmp_path: Path
) -> None:
    place, out = photos(each=150), tmp_path / "answers.jsonl"
    code = (
        "import sys, inceptionkit; from inceptionkit.deployment import bulk; "
        "bulk.PART_IMAGES = 10; inceptionkit.predict(sys.argv[1], sys.argv[2], out=sys.argv[3])"
    )
    command = [sys.executable, "-c", code, str(tiny_model), str(place), str(out)]
    kills = 0
    while not out.exists():
        process = subprocess.Popen(command)
        before = len(list((tmp_path / "answers.jsonl.parts").glob("*.jsonl")))
        while process.poll() is None and kills < 3:
            if len(list((tmp_path / "answers.jsonl.parts").glob("*.jsonl"))) >= before + 3:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.002)
        process.wait()
    rows = rows_of(out)

    assert kills == 3
    assert [row["path"] for row in rows] == sorted(str(file) for file in place.rglob("*.png"))


def test_the_program_says_what_it_wrote(
    tiny_model: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from inceptionkit.cli import main

    out = tmp_path / "answers.csv"
    assert main(["predict", str(tiny_model), str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}: 19 rows, 2 with an error\n"
    out.unlink()
    assert main(["predict", str(tiny_model), str(folder), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unusable"] == 2


@pytest.mark.slow
def test_a_table_has_as_many_labels_as_are_asked_for(
    tiny_model: Path, folder: Path, tmp_path: Path
) -> None:
    answers = inceptionkit.predict(tiny_model, folder, top=3).answers
    for ending in (".csv", ".jsonl", ".parquet"):
        out = tmp_path / f"answers{ending}"
        inceptionkit.predict(tiny_model, folder, out=out, top=3)
        rows = rows_of(out)

        assert list(rows[0]) == [
            "path", "label", "probability", "label2", "probability2", "label3", "probability3",
            "exit", "unsure", "error",
        ]  # fmt: skip
        for row, one in zip(rows, answers, strict=True):
            if one.prediction is not None:
                found = [row["label"], row["label2"], row["label3"]]
                assert found == [label for label, _ in one.prediction.top]
                assert float(row["probability3"]) == pytest.approx(
                    one.prediction.top[2][1], abs=1e-4
                )
            else:
                assert row["label3"] is row["probability3"] is None


def test_a_table_has_no_more_labels_than_there_are_classes(
    tiny_model: Path, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "answers.jsonl"
    inceptionkit.predict(tiny_model, folder / "light" / "0.png", out=out, top=99)

    assert list(rows_of(out)[0])[-4:] == ["probability10", "exit", "unsure", "error"]


@pytest.mark.parametrize(("below", "marked"), [(None, None), (0.0, 0), (1.0, 17)])
def test_a_table_marks_what_is_unsure(
    tiny_model: Path, folder: Path, tmp_path: Path, below: float | None, marked: int | None
) -> None:
    answers = inceptionkit.predict(tiny_model, folder, unsure_below=below).answers
    expected = [None if one.prediction is None else one.unsure for one in answers]
    for ending in (".csv", ".jsonl", ".parquet"):
        out = tmp_path / f"answers{ending}"
        inceptionkit.predict(tiny_model, folder, out=out, unsure_below=below)
        found = [row["unsure"] for row in rows_of(out)]

        as_text = [None if one is None else str(one) for one in expected]
        assert found == (as_text if ending == ".csv" else expected)
    assert marked in (None, sum(map(bool, expected)))


def test_what_a_table_cannot_hold_is_refused(
    tiny_model: Path, folder: Path, tmp_path: Path
) -> None:
    says = "--draw cannot be combined with a table; leave out --draw, or --out and --csv"
    with pytest.raises(OptionError) as refused:
        inceptionkit.predict(tiny_model, folder, out=tmp_path / "a.csv", draw=tmp_path / "drawn")

    assert str(refused.value) == says
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.slow
def test_a_list_and_standard_input_become_tables(
    tiny_model: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = folder / "light" / "0.png"
    lines = f"{image}\nnowhere.png\n{folder / 'dark'}\n"
    (tmp_path / "names.txt").write_text(lines)
    inceptionkit.predict(tiny_model, f"@{tmp_path / 'names.txt'}", out=tmp_path / "list.jsonl")
    for content, name in ((lines.encode(), "names"), (image.read_bytes(), "image")):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        inceptionkit.predict(tiny_model, "-", out=tmp_path / f"{name}.jsonl")
    (alone,) = inceptionkit.predict(tiny_model, image).answers
    rows = rows_of(tmp_path / "list.jsonl")
    (row,) = rows_of(tmp_path / "image.jsonl")

    assert [row["path"] for row in rows[:2]] == [str(image), "nowhere.png"]
    assert rows[1]["error"] == "no such file or folder; check the spelling"
    assert len(rows) == 2 + len([*(folder / "dark").iterdir()])
    assert rows_of(tmp_path / "names.jsonl") == rows
    assert alone.prediction is not None
    assert (row["path"], row["label"]) == ("-", alone.prediction.label)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (None, "the list cannot be read"),
        ("", "names no image"),
        ("x.png", "no such file or folder"),
    ],
)
def test_a_list_without_an_image_is_refused(
    tiny_model: Path, tmp_path: Path, names: str | None, says: str
) -> None:
    if names is not None:
        (tmp_path / "names.txt").write_text(names)
    with pytest.raises(DataError, match=says):
        inceptionkit.predict(tiny_model, f"@{tmp_path}/names.txt", out=tmp_path / "a.csv")


def test_an_image_at_an_address_is_a_row(
    tiny_model: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (folder / "light" / "0.png").read_bytes()
    monkeypatch.setattr("inceptionkit.data.sources.inputs._fetched", lambda _: content)
    monkeypatch.setattr(bulk, "find_shards", lambda _: [])
    out = tmp_path / "a.jsonl"
    inceptionkit.predict(tiny_model, "https://example.com/photo.png", out=out)

    assert [row["path"] for row in rows_of(out)] == ["https://example.com/photo.png"]
    assert rows_of(out)[0]["error"] is None


def test_files_named_one_by_one_keep_their_order_among_others(
    tiny_model: Path, folder: Path, tmp_path: Path
) -> None:
    light = [folder / "light" / f"{number}.png" for number in range(3)]
    out = tmp_path / "a.jsonl"
    inceptionkit.predict(tiny_model, [light[2], light[0], folder / "dark", light[1]], out=out)
    paths = [row["path"] for row in rows_of(out)]

    assert paths[:2] == [str(light[2]), str(light[0])]
    assert paths[-1] == str(light[1])


@pytest.mark.parametrize("kind", ["folder", "list", "files"])
def test_no_path_is_kept_of_an_image(kind: str) -> None:
    """A name alone is: a path takes five times the memory."""
    files = [f"photos/only-here-{kind}-{number}.png" for number in range(200)]
    Path("photos").mkdir()
    for file in files:
        Path(file).touch()
    Path("names.txt").write_text("\n".join(files))
    given = {"folder": ["photos"], "list": ["@names.txt"], "files": files}[kind]
    images = [*bulk._images(given)]
    kept = [one for one in gc.get_objects() if type(one) is type(Path())]

    assert sum(one.count for one in images) == 200
    assert not {path.name for path in kept} & {Path(file).name for file in files}


def test_progress_is_reported_by_time_within_a_part(
    tiny_model: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, heard = itertools.count(step=2), list[Progress]()
    monkeypatch.setattr(bulk, "monotonic", lambda: next(clock))

    def hear(report: object) -> None:
        if isinstance(report, Progress):
            heard.append(report)

    inceptionkit.predict(tiny_model, folder, out=tmp_path / "a.jsonl", on_answer=hear)

    assert [report.done for report in heard] == [3, 6, 9, 12, 15, 18]
    assert heard[0].total == 19
    assert heard[0].per_second == 0.5
    assert heard[0].seconds_left == 32
