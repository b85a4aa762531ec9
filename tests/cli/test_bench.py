"""`inceptionkit bench` and the variants of `inceptionkit export`, as a user types them."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inceptionkit.deployment import engines, variants
from inceptionkit.model import ExitPolicy, Gate, read_card, write_policy
from inceptionkit.spec import Net, to_json
from inceptionkit.timing import TimingBudget

PROMISED = {
    "engine", "precision", "batch", "median_ms", "p95_ms", "p99_ms", "images_per_second", "bytes",
    "peak_bytes", "top1", "agreement",
}  # fmt: skip


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads the times."""
    once = TimingBudget(least=1, most=1)
    monkeypatch.setattr("inceptionkit.deployment.benchmark._SINGLE", once)
    monkeypatch.setattr("inceptionkit.deployment.benchmark._LARGE", once)
    monkeypatch.setattr("inceptionkit.deployment.benchmark._BATCHES", (1, 2))
    monkeypatch.setattr("inceptionkit.deployment.backends.peak_when_deployed", lambda *_: 2**27)


@pytest.fixture(autouse=True)
def unquantized(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantizing takes seconds, and is tested where it belongs."""
    monkeypatch.setattr("inceptionkit.deployment.quantize.quantize", lambda model, _: model)


@pytest.fixture(autouse=True)
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with arithmetic for every precision, whichever this one is."""
    flags = frozenset({"avx512_bf16", "avx512_vnni"})
    monkeypatch.setattr(engines, "cpu_flags", lambda: flags)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a C++ compiler, which is also quicker."""

    def fail(_: object) -> Callable:
        def call(_: object) -> None:
            msg = "No working C++ compiler found\nin any place"
            raise RuntimeError(msg)

        return call

    monkeypatch.setattr(torch, "compile", fail)


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A model folder with a policy for one of its exits."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "tiny"))
    write_policy(folder, ExitPolicy(gates=(Gate(exit="second", confidence=0.0),)))
    return folder


def ways(told: dict) -> list[tuple[str, str]]:
    return [(row["engine"], row["precision"]) for row in told["rows"]]


@pytest.mark.slow
@pytest.mark.usefixtures("no_compiler")
def test_every_way_has_a_row_with_the_promised_keys(inceptionkit: Callable, model: Path) -> None:
    said = inceptionkit("bench", model, "--json")

    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert ways(told) == [
        ("inceptionkit+openvino", "fp32"),
        ("inceptionkit+openvino", "bf16"),
        ("inceptionkit+openvino", "int8"),
        ("inceptionkit+onnxruntime", "fp32"),
        ("inceptionkit+torch", "fp32"),
        ("inceptionkit+openvino, exits", "fp32"),
        ("torch", "fp32"),
        ("openvino", "fp32"),
        ("openvino", "bf16"),
        ("onnxruntime", "fp32"),
    ]
    assert all(row.keys() >= PROMISED for row in told["rows"])
    assert all(row["median_ms"] > 0 and row["images_per_second"] > 0 for row in told["rows"])
    assert all(row["bytes"] > 10_000 for row in told["rows"])
    same = [
        row for row in told["rows"] if "exits" not in row["engine"] and row["precision"] == "fp32"
    ]
    assert [row["agreement"] for row in same] == [1.0] * len(same)
    assert {row["top1"] for row in told["rows"]} == {None}
    assert told["images"] == 32
    assert told["which"] == "the built-in digits"
    assert told["left_out"][0]["reason"] == (
        "torch.compile does not compile here (No working C++ compiler found)"
    )


@pytest.mark.slow
def test_labeled_images_add_accuracy_on_those_that_chose_nothing(
    inceptionkit: Callable, model: Path
) -> None:
    said = inceptionkit("bench", model, "--data", "digits", "--ours", "--json")
    scored = json.loads(inceptionkit("evaluate", model, "digits", "--json").out)

    assert said.code == 0, said.err
    told = json.loads(said.out)
    rows = {(row["engine"], row["precision"]): row for row in told["rows"]}
    assert all(engine.startswith("inceptionkit+") for engine, _ in rows)
    assert rows["inceptionkit+torch", "fp32"]["agreement"] == 1.0
    assert 0 < told["images"] < scored["images"]
    assert told["which"].startswith("the other half of")
    assert all(0 <= row["top1"] <= 1 for row in told["rows"])


def test_an_architecture_is_timed_with_first_weights_and_no_accuracy(
    inceptionkit: Callable, tiny: Net, tmp_path: Path
) -> None:
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps(to_json(tiny)))
    said = inceptionkit("bench", file, "--ours")

    assert said.code == 0, said.err
    assert "top-1" not in said.out
    assert "agrees" not in said.out
    assert f"{file} with" in said.out
    assert "exits" not in said.out
    assert "times as long" not in said.out, "there are no others to compare with"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "engines"), [("openvino", ["openvino"]), ("onnx", ["onnxruntime", "openvino"])]
)
def test_an_exported_model_is_run_by_every_engine_to_the_end_and_with_its_exits(
    inceptionkit: Callable, model: Path, tmp_path: Path, kind: str, engines: list[str]
) -> None:
    inceptionkit("export", model, "--to", kind, "--exits", "--out", tmp_path / "out")
    plain, machine = (inceptionkit("bench", tmp_path / "out", *w) for w in ((), ("--json",)))

    told = json.loads(machine.out)
    expected = [f"inceptionkit+{name}{way}" for name in engines for way in ("", ", exits")]
    assert [row["engine"] for row in told["rows"]] == expected
    assert told["against"] == f"inceptionkit+{engines[0]} in fp32"
    assert "stopping at exits as the stored policy says takes" in plain.out


@pytest.mark.slow
def test_what_the_processor_lacks_is_left_out_and_said(
    inceptionkit: Callable, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "cpu_flags", lambda: frozenset({"sse2"}))
    said = inceptionkit("bench", model, "--ours")

    assert said.code == 0, said.err
    assert "left out: inceptionkit+openvino in bf16: this processor has no AVX512_BF16" in said.out
    assert "this processor has no VNNI or AMX: int8 is smaller here" in said.out


def test_engines_that_are_not_installed_are_left_out_with_the_extra_to_install(
    inceptionkit: Callable, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("openvino", "onnx"):
        monkeypatch.setitem(sys.modules, name, None)
    said = inceptionkit("bench", model, "--ours", "--json")

    told = json.loads(said.out)
    assert ways(told) == [("inceptionkit+torch", "fp32")]
    assert "pip install 'inceptionkit[deploy]'" in told["left_out"][0]["reason"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("googlnet",), "did you mean"),
        (("nin_mnist",), "only networks for square images in RGB are deployed"),
        (("compact", "--data", "digits"), "has random weights and no classes of digits"),
        (("compact", "--images", "nowhere"), "nowhere: no such file or folder"),
        (("compact", "--threads", "0"), "threads"),
    ],
)
def test_what_cannot_be_timed_is_said(
    inceptionkit: Callable, words: tuple[str, ...], sentence: str
) -> None:
    said = inceptionkit("bench", *words)

    assert said.code == 2
    assert sentence in said.err


@pytest.mark.slow
def test_variants_are_written_side_by_side_and_judged_on_images_that_are_not_scored(
    inceptionkit: Callable, model: Path, tmp_path: Path
) -> None:
    asked = ("--variants", "--data", "digits", "--max-drop", "100", "--out", tmp_path / "out")
    machine, plain = (inceptionkit("export", model, *asked, *w) for w in (("--json",), ()))

    assert machine.code == plain.code == 0, plain.err
    told = json.loads(machine.out)
    assert [row["precision"] for row in told["rows"]] == ["fp32", "bf16", "int8"]
    assert all(row.keys() >= PROMISED for row in told["rows"])
    exact = told["rows"][0]
    assert exact["agreement"] == 1.0
    change = exact["change"]["difference"]
    assert change["mean"] == 0.0
    assert change["low"] == -change["high"] < 0.0  # nothing changed here, but something could
    assert told["which"] == f"the other {told['chosen_on']}"
    for row in told["rows"]:
        card, sums = read_card(Path(row["folder"]))
        assert card.exported.precision == row["precision"]
        assert row["bytes"] == sum((Path(row["folder"]) / name).stat().st_size for name in sums)
    assert "int8 changes top-1 by" in plain.out
    assert f"next    inceptionkit predict {tmp_path / 'out'}/fp32 IMAGE..." in plain.out


@pytest.mark.slow
def test_the_fastest_that_loses_little_enough_is_written_and_says_why(
    inceptionkit: Callable, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speed = {"fp32": 3.0, "bf16": 2.0, "int8": 1.0}
    measure = variants.measure
    monkeypatch.setattr(
        variants,
        "measure",
        lambda *asked: [replace(row, median_ms=speed[row.precision]) for row in measure(*asked)],
    )
    asked = ("--fastest", "--data", "digits", "--max-drop", "100", "--out", tmp_path / "out")
    machine, plain = (inceptionkit("export", model, *asked, *w) for w in (("--json",), ()))

    told = json.loads(machine.out)
    assert told["precision"] == read_card(tmp_path / "out")[0].exported.precision == "int8"
    assert told["why"].startswith(
        "int8: the fastest here (int8 1.00 ms, bf16 2.00 ms, fp32 3.00 ms) of those that lose at "
        "most 100 points of top-1"
    )
    assert told["why"] in plain.out.replace("\n", " ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("exits", "stages"),
    [
        ((), ("main",)),
        pytest.param(("--exits",), ("first", "second", "main"), marks=pytest.mark.slow),
    ],
    ids=["whole", "cut at its exits"],
)
def test_variants_that_resize_are_written_with_their_resize_and_judged_without(
    inceptionkit: Callable,
    model: Path,
    tmp_path: Path,
    exits: tuple[str, ...],
    stages: tuple[str, ...],
) -> None:
    asked = ("--variants", "--resize", *exits, "--data", "digits", "--max-drop", "100")
    said = inceptionkit("export", model, *asked, "--out", tmp_path / "out", "--json")

    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["rows"][0]["change"]["difference"]["mean"] == 0.0
    for row in told["rows"]:
        card, sums = read_card(Path(row["folder"]))
        assert card.exported.resize["images"] == 32
        assert card.exported.stages == stages
        assert row["bytes"] == sum((Path(row["folder"]) / name).stat().st_size for name in sums)


@pytest.mark.parametrize("words", [("--variants",), ("--fastest",)])
def test_variants_replace_nothing_but_exports(
    inceptionkit: Callable, model: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    notes = tmp_path / "out" / "bf16" / "notes"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    said = inceptionkit("export", model, *words, "--data", "digits", "--out", tmp_path / "out")

    assert said.code == 2
    assert "is there already, and is no exported model" in said.err
    assert sorted((tmp_path / "out").rglob("*")) == [notes.parent, notes]


def test_a_graph_that_resizes_is_not_timed(
    inceptionkit: Callable, model: Path, tmp_path: Path
) -> None:
    inceptionkit("export", model, "--resize", "--out", tmp_path / "out")
    said = inceptionkit("bench", tmp_path / "out")

    assert said.code == 2
    assert "its graph resizes, and no resize is timed; export it without --resize" in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--variants",), "variants are judged by the images the model was trained on"),
        (
            ("--fastest", "--variants", "--data", "digits"),
            "--variants cannot be combined with --fastest",
        ),
        (("--fastest", "--to", "onnx", "--data", "digits"), "leave --to and --precision"),
        (("--variants", "--to", "ovms", "--data", "digits"), "leave --to and --precision"),
        (("--variants", "--precision", "int8", "--data", "digits"), "leave --to and --precision"),
        (("--fastest", "--data", "nowhere"), "nowhere"),
    ],
)
def test_variants_that_cannot_be_are_said_and_nothing_is_written(
    inceptionkit: Callable, model: Path, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    said = inceptionkit("export", model, *words, "--out", tmp_path / "out")

    assert said.code == 2
    assert sentence in " ".join(said.err.replace("│", " ").split())
    assert not (tmp_path / "out").exists()
