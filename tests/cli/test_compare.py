"""Pages of one run and of several, from real runs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from page_words import words_of


def test_two_runs_are_compared_image_by_image(
    inceptionkit: Callable, digits_run: Path, other_run: Path, tmp_path: Path
) -> None:
    plain = inceptionkit("compare", digits_run, other_run)
    told = json.loads(
        inceptionkit("compare", digits_run, other_run, "--json", "--out", "c.html").out
    )
    rows = [json.loads((run / "run.json").read_text())["result"] for run in (digits_run, other_run)]
    (against,) = told["against_first"]

    assert plain.code == 0
    head, _, first, second = plain.out.splitlines()[:4]
    assert head.split()[:2] == ["run", "top-1"]
    assert (first.split()[0], second.split()[0]) == (digits_run.name, other_run.name)
    assert "differs lr: 0.6 | 0.3" in plain.out
    assert plain.out.endswith("page    compare.html\n")
    assert (tmp_path / "compare.html").read_text() == (tmp_path / "c.html").read_text()
    told["differences"].pop("precision", None)  # the fastest way may differ by the hour
    assert told["differences"] == {"lr": ["0.6", "0.3"]}
    assert [run["top1"] for run in told["runs"]] == [row["top1"] for row in rows]
    assert against["images"] == rows[0]["images"]
    assert against["difference"]["mean"] == pytest.approx(rows[1]["top1"] - rows[0]["top1"])


def test_no_page_is_overwritten(inceptionkit: Callable, digits_run: Path, other_run: Path) -> None:
    for _ in range(2):
        inceptionkit("compare", digits_run, other_run)
    before = {name: Path(name).read_bytes() for name in ("compare.html", "compare_2.html")}
    refused = inceptionkit("compare", digits_run, other_run, "--out", "compare.html")

    assert refused.code == 2
    assert "compare.html: is there already; delete it, or choose another --out" in refused.err
    assert {name: Path(name).read_bytes() for name in before} == before
    assert not Path("compare_3.html").exists()


@pytest.mark.parametrize("case", ["one", "none", "unfinished"])
def test_what_cannot_be_compared(
    inceptionkit: Callable, digits_run: Path, tmp_path: Path, case: str
) -> None:
    unfinished = Path(shutil.copytree(digits_run, tmp_path / "unfinished"))
    record = json.loads((unfinished / "run.json").read_text())
    (unfinished / "run.json").write_text(json.dumps(record | {"result": None}))
    runs, said = {
        "one": ([digits_run], "a comparison needs at least two runs, got 1; `inceptionkit report`"),
        "none": ([digits_run, tmp_path], f"{tmp_path}: no run there"),
        "unfinished": ([digits_run, unfinished], "the run has not ended; finish it with"),
    }[case]
    found = inceptionkit("compare", *runs)

    assert (found.code, found.out) == (2, "")
    assert said in found.err


def test_the_page_of_a_run_shows_what_its_folder_holds(
    inceptionkit: Callable, digits_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(digits_run, tmp_path / "run"))
    inceptionkit("report", run)
    page = words_of(run / "report.html")

    assert "one threshold for all exits, on the test images" in page
    assert "what spoke for" in page
    assert 'id="cell-' in page
    assert "data:image/svg+xml;base64," in page
    assert "expected calibration error" in page
    assert f"inceptionkit evaluate {run} digits --exits --store" in page
    assert len(page) < 5_000_000


def test_a_page_goes_without_what_is_gone(
    inceptionkit: Callable, digits_run: Path, tmp_path: Path
) -> None:
    """No model, images that changed, and predictions of a version that knew no probabilities."""
    run = Path(shutil.copytree(digits_run, tmp_path / "run"))
    shutil.rmtree(run / "model")
    record = json.loads((run / "run.json").read_text())
    record["data"] |= {"address": str(tmp_path / "gone"), "fingerprint": "0" * 64}
    (run / "run.json").write_text(json.dumps(record))
    lines = [line.split(",") for line in (run / "predictions.csv").read_text().splitlines()]
    kept = [i for i, name in enumerate(lines[0]) if not name.endswith("_probability")]
    (run / "predictions.csv").write_text(
        "".join(",".join(line[i] for i in kept) + "\n" for line in lines)
    )
    said = inceptionkit("report", run)
    page = words_of(run / "report.html")

    assert (said.code, said.err) == (0, "")
    assert "one threshold for all exits" not in page
    assert "what spoke for" not in page
    assert "expected calibration error" in page
