"""What of the data counts, from `train` to the commands that its page gives."""

import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from page_words import words_of
from PIL import Image

pa = pytest.importorskip("pyarrow", reason="needs the extra inceptionkit[data]")
pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra inceptionkit[data]")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures of three kinds in a column among others of the same type."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    rows: dict[str, list[object]] = {"left": [], "right": [], "kind": [], "class": []}
    for number in range(60):
        stream = io.BytesIO()
        pixels = random.integers(0, 80, (32, 32, 3), np.uint8)
        pixels[:, :, number % 3] += 120
        Image.fromarray(pixels).save(stream, "PNG")
        rows["left"].append(b"no image")
        rows["right"].append(stream.getvalue())
        rows["kind"].append(("red", "green", "blue")[number % 3])
        rows["class"].append("other")
    pq.write_table(pa.table(rows), tmp_path / "x.parquet")
    return Path("x.parquet")


@pytest.mark.run
def test_columns_and_classes_hold_for_a_run_and_what_is_typed_next(
    inceptionkit: Callable, table: Path
) -> None:
    reads = ["--classes", "red,blue", "--image-column", "right", "--label-column", "kind"]
    missing = inceptionkit("train", table)
    said = inceptionkit("train", table, *reads, "--epochs", "1", "--out", "run", "--arch",
                        "compact", "--input", "32", "--precision", "fp32")  # fmt: skip
    record = json.loads(Path("run/run.json").read_text())
    page = words_of(Path("run/report.html"))
    again = inceptionkit("resume", "run")
    scored = inceptionkit("evaluate", "run", table, *reads, "--json")
    checked = inceptionkit("check", table, *reads, "--json", "--out", "page.html")

    assert missing.code == 2
    assert "'left', 'right' may hold the images; choose one with --image-column" in missing.err
    assert (said.code, again.code, scored.code, checked.code) == (0, 0, 0, 0), scored.err
    assert "note: 1 other class left out, as --classes asks" in said.err + said.out
    assert record["data"]["classes"] == ["red", "blue"]
    assert record["request"]["classes"] == "red,blue"
    assert shlex.join(reads) in page
    assert json.loads(scored.out)["images"] > 0
    assert json.loads(checked.out)["classes"] == {"red": 20, "blue": 20}
