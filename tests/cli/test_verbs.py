"""Every verb, as a user types it: what it prints and where, and what it writes."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inceptionkit import architecture, cost
from inceptionkit.cli.app import app
from inceptionkit.spec import from_json

VERBS = [str(command.name) for command in app.registered_commands if not command.hidden]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three readable images and one that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png", "d.png"):
        Image.fromarray(random.integers(0, 256, (9, 12, 3), np.uint8)).save(folder / name)
    (folder / "c.jpg").write_text("no image")
    return folder


def test_help_names_every_verb(inceptionkit: Callable) -> None:
    said = inceptionkit("--help")

    assert said.code == 0
    for verb in VERBS:
        assert f" {verb} " in said.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(inceptionkit: Callable, verb: str) -> None:
    said = inceptionkit(verb, "--help")

    assert (said.code, said.err) == (0, "")
    assert f"inceptionkit {verb}" in said.out


def test_version(inceptionkit: Callable) -> None:
    said = inceptionkit("--version")

    assert (said.code, said.out) == (0, "inceptionkit 0.1.0\n")


def test_list(inceptionkit: Callable) -> None:
    plain, machine = inceptionkit("list"), inceptionkit("list", "--json")
    names = [row["name"] for row in json.loads(machine.out)["architectures"]]

    assert (plain.code, machine.code, plain.err, machine.err) == (0, 0, "", "")
    assert {"googlenet", "googlenet:bn", "bn_inception", "inception_v3", "compact"} <= set(names)
    for words in (*names, "7.00 M", "1.58 G"):
        assert words in plain.out


def test_describe_prints_table_1(inceptionkit: Callable) -> None:
    said = inceptionkit("describe", "googlenet")

    assert (said.code, said.err) == (0, "")
    for words in (
        "inception4d", "528x14x14", "605,376", "118,515,712",
        "6,998,552", "1,582,671,872", "715 px", "aux2", "3,190,888",
    ):  # fmt: skip
        assert words in said.out


def test_describe_json_has_the_promised_keys(inceptionkit: Callable) -> None:
    said = inceptionkit("describe", "googlenet", "--json")
    told = json.loads(said.out)

    assert said.out.count("\n") == 1
    assert {
        "name", "input", "classes", "params", "macs", "params_with_exits", "macs_with_exits",
        "activation_bytes", "receptive_field", "blocks", "exits",
    } <= told.keys()  # fmt: skip
    assert (told["name"], told["input"], told["classes"]) == ("googlenet", 224, 1000)
    assert (told["params"], told["macs"]) == (6_998_552, 1_582_671_872)
    assert (told["params_with_exits"], told["macs_with_exits"]) == (13_378_280, 1_591_044_096)
    assert told["receptive_field"] == 715
    assert (
        told["blocks"][0] | {"name": "conv1", "params": 9_472, "out": [64, 112, 112]}
        == (told["blocks"][0])
    )
    assert (
        told["exits"]["aux1"] | {"after": "inception4a", "params": 3_188_840}
        == (told["exits"]["aux1"])
    )
    assert sum(block["macs"] for block in told["blocks"]) == told["macs"]


def test_describe_with_other_input_and_classes(inceptionkit: Callable) -> None:
    told = json.loads(
        inceptionkit("describe", "googlenet:bn", "--input", 96, "--classes", 5, "--json").out
    )
    expected = cost(architecture("googlenet:bn", classes=5, input=96)).without_exits

    assert (told["input"], told["classes"]) == (96, 5)
    assert (told["params"], told["macs"]) == (expected.params, expected.macs)


def test_train_writes_a_run_folder(digits_run: Path) -> None:
    written = {path.name for path in digits_run.iterdir()}
    (row,) = csv.DictReader((digits_run / "log.csv").read_text().splitlines())
    steps = [json.loads(line) for line in (digits_run / "log.jsonl").read_text().splitlines()]

    assert written >= {
        "run.json", "log.csv", "log.jsonl", "unusable.csv", "checkpoints", "model", "report.html",
    }  # fmt: skip
    assert {p.name for p in (digits_run / "model").iterdir()} == {
        "model.json", "model.safetensors", "seen.safetensors",
    }  # fmt: skip
    assert (digits_run / "unusable.csv").read_text() == "path,reason\n"
    assert float(row["epoch"]) == 1.0
    assert float(row["lr"]) == pytest.approx(0, abs=1e-6)
    assert {"train_loss", "val_loss", "val_top1"} <= row.keys()
    assert steps[-1]["step"] == int(row["step"])
    assert all(step.keys() == {"step", "loss", "lr", "gradient_norm"} for step in steps)
    assert not [p for p in digits_run.rglob("*.part") if p.exists()]


def test_train_scales_the_network_to_what_it_may_cost(
    inceptionkit: Callable, tmp_path: Path
) -> None:
    quick = ("--epochs", 1, "--precision", "fp32", "--input", 16, "--out", tmp_path / "run")
    said = inceptionkit(
        "train", "digits", *quick, "--cost", "1.5MMAC", "--cost", "60kparams", "batch=64"
    )
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    net = from_json(record["architecture"])
    answer = cost(net).without_exits

    assert said.code == 0
    assert net.name == "inception_small-1.5MMAC-60kparams-16"
    assert answer.macs <= 1.5e6
    assert answer.params <= 60e3
    assert max(answer.macs / 1.5e6, answer.params / 60e3) >= 0.97
    takes = f"takes {answer.params / 1e3:.1f} kparams of 60kparams"
    assert f"scaled from inception_small: {takes}" in said.out
    assert any(reason.startswith("scaled from inception_small") for reason in record["reasons"])


@pytest.mark.parametrize(
    ("cost_asked", "says"),
    [("1kMAC", "the smallest possible is"), ("7ducks", "a cost must be like 300MMAC")],
)
def test_a_cost_that_cannot_be_met_is_refused_and_nothing_is_written(
    inceptionkit: Callable, tmp_path: Path, cost_asked: str, says: str
) -> None:
    said = inceptionkit("train", "digits", "--cost", cost_asked, "--out", tmp_path / "run")

    assert (said.code, said.out) == (2, "")
    assert says in said.err
    assert not (tmp_path / "run").exists()


def test_run_json_says_how_to_repeat_it(digits_run: Path) -> None:
    record = json.loads((digits_run / "run.json").read_text())

    assert record["data"]["address"] == "digits"
    assert (len(record["data"]["fingerprint"]), record["request"]["seed"]) == (64, 0)
    assert record["recipe"]["batching"]["batch"] == 64
    assert record["execution"].keys() == {"precision", "channels_last", "device", "threads"}
    assert record["versions"].keys() >= {"inceptionkit", "torch", "python"}
    assert {"processor", "cores"} <= record["machine"].keys()
    (plan,) = record["plans"]
    (row,) = csv.DictReader((digits_run / "log.csv").read_text().splitlines())

    assert plan["steps"] == int(row["step"])


def test_resume_of_a_finished_run_says_so_and_changes_nothing(
    inceptionkit: Callable, digits_run: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in digits_run.rglob("*")}
    said = inceptionkit("resume", digits_run, "--json")
    result = json.loads(said.out)

    assert said.code == 0
    assert {
        "run", "model", "epochs", "seconds", "top1", "exits", "images_per_second", "peak_bytes",
    } <= result.keys()  # fmt: skip
    assert all({"top1"} <= exit_.keys() for exit_ in result["exits"].values())
    assert said.err == f"{digits_run}: the run has ended; nothing is changed\n"
    assert {path: path.stat().st_mtime_ns for path in digits_run.rglob("*")} == before
    assert result == json.loads((digits_run / "run.json").read_text())["result"]


def test_evaluate_scores_what_was_held_out(inceptionkit: Callable, digits_run: Path) -> None:
    said = inceptionkit("evaluate", digits_run, "digits", "--json")
    told = json.loads(said.out)
    record = json.loads((digits_run / "run.json").read_text())

    assert said.code == 0
    assert {"images", "top1", "top5", "exits", "mean_macs", "seconds"} <= told.keys()
    assert told["images"] == record["data"]["sets"]["test"] < 200
    assert told["top1"] == record["result"]["top1"]
    assert [*told["exits"]] == [*record["result"]["exits"], "main"]
    assert all(row.keys() >= {"top1", "macs", "share"} for row in told["exits"].values())
    assert "images: new to the model (1,621 of 1,797 left out: trained on 1,445, " in said.err


def test_evaluate_with_early_exit_costs_less(inceptionkit: Callable, digits_run: Path) -> None:
    told = {
        p: json.loads(
            inceptionkit("evaluate", digits_run, "digits", "--json", "--early-exit", p).out
        )
        for p in ("0", "0.5", "1")
    }
    macs = [told[p]["mean_macs"] for p in told]
    first = next(iter(told["0"]["exits"].values()))

    assert macs == sorted(macs)
    assert (first["share"], first["macs"]) == (1.0, told["0"]["mean_macs"])
    assert all(
        sum(row["share"] for row in t["exits"].values()) == pytest.approx(1) for t in told.values()
    )


def test_evaluate_prints_exits_and_classes(inceptionkit: Callable, digits_run: Path) -> None:
    said = inceptionkit("evaluate", digits_run / "model", "digits")

    assert (said.code, said.err) == (0, "")
    for words in ("precision", "recall", "top-1", "MACs", "main"):
        assert words in said.out


def test_predict_goes_on_after_a_bad_file_and_ends_with_2(
    inceptionkit: Callable, digits_run: Path, pictures: Path
) -> None:
    said = inceptionkit("predict", digits_run, pictures, "--json")
    rows = [json.loads(line) for line in said.out.splitlines()]

    assert said.code == 2
    assert [Path(row["path"]).name for row in rows] == ["a.png", "b.png", "c.jpg", "d.png"]
    assert rows[2] == {"path": str(pictures / "c.jpg"), "error": "not an image"}
    for row in (rows[0], rows[1], rows[3]):
        assert {"path", "label", "probability", "exit", "ms", "top"} <= row.keys()
        assert (row["exit"], len(row["top"])) == ("main", 5)
        assert row["top"][0] == {"label": row["label"], "probability": row["probability"]}
        assert 0.1 <= row["probability"] <= 1.0


def test_predict_prints_answers_and_complains_apart(
    inceptionkit: Callable, digits_run: Path, pictures: Path
) -> None:
    said = inceptionkit("predict", digits_run, pictures / "c.jpg", pictures / "a.png")

    assert said.code == 2
    complaint, summary = said.err.splitlines()
    assert complaint == f"inceptionkit: {pictures / 'c.jpg'}: not an image"
    assert summary.startswith("1 image, ")
    assert said.out.startswith(f"{pictures / 'a.png'}  ")
    assert said.out.count("\n") == 1


def test_predict_says_which_exit_answered(
    inceptionkit: Callable, digits_run: Path, pictures: Path
) -> None:
    said = inceptionkit("predict", digits_run, pictures / "a.png", "--early-exit", "0", "--json")
    first = architecture("compact").exits[0].name

    assert said.code == 0
    assert json.loads(said.out)["exit"] == first
    plain = inceptionkit("predict", digits_run, pictures / "a.png", "--early-exit", "0")
    assert plain.out.endswith(f"  {first}\n")


def test_report_is_written_anew_and_names_its_page(
    inceptionkit: Callable, digits_run: Path
) -> None:
    page = digits_run / "report.html"
    page.unlink()
    said = inceptionkit("report", digits_run)

    assert (said.code, said.out, said.err) == (0, f"{page}\n", "")
    assert "<html" in page.read_text()


def test_train_ends_with_what_it_wrote_and_what_to_type_next(
    inceptionkit: Callable, photos: Callable, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    said = inceptionkit(
        "train", photos(each=10), "--arch", "compact", "--input", 8, "--epochs", 2, "--out", out
    )
    tail = said.out.splitlines()[-3:]

    assert (said.code, said.err) == (0, "")
    assert tail == [
        f"model   {out / 'model'}",
        f"report  {out / 'report.html'}",
        f"next    inceptionkit predict {out} IMAGE...",
    ]
    for words in ("sets: ", "plan: 2.0 epochs", "precision: ", "\n   1.00  ", "scored on test"):
        assert words in said.out


@pytest.mark.slow
def test_train_json_is_alone_on_standard_output(
    shell: Callable, photos: Callable, tmp_path: Path
) -> None:
    """In a process of its own, in an empty folder: the run finds its place under runs/."""
    folder = photos(("left", "right", "up"), each=10)
    work = tmp_path / "work"
    work.mkdir()
    quick = ("--epochs", 1, "--input", 9, "--precision", "fp32")
    said = shell("train", folder, *quick, "--json", cwd=work)
    result = json.loads(said.out)

    assert said.code == 0, said.err
    assert said.out.count("\n") == 1
    assert result["run"] == "runs/photos-inception_small-001"
    assert {
        "run", "model", "epochs", "seconds", "top1", "exits", "images_per_second", "peak_bytes",
    } <= result.keys()  # fmt: skip
    assert (work / result["model"] / "model.json").is_file()
    assert "architecture inception_small: made for images of 16 to 160 px" in said.err
    assert "by their names, flipping would change the meaning of these classes" in said.err


def test_quiet_prints_nothing(inceptionkit: Callable, photos: Callable, tmp_path: Path) -> None:
    said = inceptionkit(
        "train", photos(each=10), "--input", 9, "--epochs", 1, "--quiet", "--out", tmp_path / "run"
    )

    assert (said.code, said.out, said.err) == (0, "", "")
