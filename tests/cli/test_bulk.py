"""`predict --out`: a table of all that `train` reads, resumed without a lost or doubled row."""

import csv
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import inceptionkit
from inceptionkit.deployment import bulk
from inceptionkit.errors import DataError


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
    with pytest.raises(DataError, match="holds answers for other images, or of another model"):
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
