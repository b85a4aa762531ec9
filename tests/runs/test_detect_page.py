"""The page that a detector's run writes: how it was trained, as run.json and log.csv have it."""

import json
from pathlib import Path

import annotated
import pytest
from page_words import words_of

import inceptionkit
from inceptionkit.spec import Net, to_json

pytestmark = [pytest.mark.slow, pytest.mark.run]


def test_the_page_of_a_run_has_its_curves_reasons_and_commands(tiny: Net, tmp_path: Path) -> None:
    data, trunk = annotated.write_table(tmp_path / "cells", count=12), tmp_path / "trunk.json"
    trunk.write_text(json.dumps(to_json(tiny)))
    run = inceptionkit.detect_train(
        data, ("batch=2", "lr=0.003"), epochs=2, architecture=str(trunk), input_size=64,
        out=tmp_path / "run",
    ).run  # fmt: skip
    record, text = json.loads((run / "run.json").read_text()), words_of(run / "report.html")

    assert "Training loss over 2 epochs" in text
    assert "Mean average precision on val over 2 epochs" in text
    assert "Learning rate over 2 epochs" in text
    assert [reason for reason in record["reasons"] if reason not in text] == []
    assert record["data"]["fingerprint"] in text
    assert "<dt>lr</dt><dd>0.003</dd>" in text
    command = f"inceptionkit detect train {data} batch=2 lr=0.003 --architecture {trunk}"
    assert f"{command} --input-size 64 --epochs 2" in text
    assert f"inceptionkit detect predict {run} IMAGE..." in text


def test_the_page_of_an_r_cnn_leads_to_those_of_its_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = annotated.write_voc(tmp_path / "data", count=15)
    run = inceptionkit.detect_rcnn(
        data, "batch=32", architecture="compact", input_size=32, rounds=2, proposals=60,
        regions=24, budget="1epochs", out=tmp_path / "run",
    ).run  # fmt: skip
    text = words_of(run / "report.html")

    for page in ("round-1/classifier-1/report.html", "round-2/classifier-1/report.html"):
        assert f'<a href="{page}">' in text
        assert (run / page).is_file()
    assert "2 rounds of 1 training; from the second round on with hard negatives" in text
    assert f"inceptionkit detect rcnn {data} batch=32 --architecture compact" in text
    assert "<dt>proposals</dt><dd>60</dd>" in text
