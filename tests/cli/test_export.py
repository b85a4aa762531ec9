"""`inceptionkit export`, as a user types it, and its models in use."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from inceptionkit.model import read_card


def labels(said: str) -> list[tuple[str, float, str]]:
    rows = [json.loads(line) for line in said.splitlines()]
    return [(row["label"], round(row["probability"], 4), row["exit"]) for row in rows]


@pytest.mark.parametrize("kind", ["openvino", "onnx", "torch"])
def test_an_exported_model_predicts_what_the_trained_one_does(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path, kind: str
) -> None:
    said = inceptionkit("export", model, "--to", kind, "--out", tmp_path / "out")
    trained = inceptionkit("predict", model, photo, "--json")

    assert said.code == 0
    assert "agrees with the trained model on 100 % of 32 images" in said.out
    how = read_card(tmp_path / "out")[0].preprocessing
    resized = f"input   short side {how.short_side} px, bilinear, resized before the graph"
    assert (resized in said.out) == (kind != "torch")
    assert said.out.splitlines()[-1] == f"next    inceptionkit predict {tmp_path / 'out'} IMAGE..."
    exported = inceptionkit("predict", tmp_path / "out", photo, "--json")
    assert labels(exported.out) == labels(trained.out)


def test_export_json_has_the_promised_keys(
    inceptionkit: Callable, model: Path, tmp_path: Path
) -> None:
    said = inceptionkit("export", model, "--to", "onnx", "--out", tmp_path / "out", "--json")

    found = json.loads(said.out)
    assert {"folder", "kind", "precision", "stages", "bytes", "agreement"} <= found.keys()
    assert found["stages"] == ["main"]
    assert found["agreement"]["images"] == 32
    assert found["bytes"] == (tmp_path / "out" / "main.onnx").stat().st_size


@pytest.mark.parametrize("kind", ["openvino", "onnx"])
def test_a_model_cut_at_its_exits_stops_where_the_policy_says(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path, kind: str
) -> None:
    inceptionkit("export", model, "--to", kind, "--exits", "--out", tmp_path / "out")

    for sure in ("0", "0.2", "1"):
        trained = inceptionkit("predict", model, photo, "--json", "--early-exit", sure)
        exported = inceptionkit("predict", tmp_path / "out", photo, "--json", "--early-exit", sure)
        assert labels(exported.out) == labels(trained.out)
    assert [row[2] for row in labels(exported.out)] == ["main"]


def test_a_model_without_stages_says_how_to_get_them(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path
) -> None:
    inceptionkit("export", model, "--to", "onnx", "--out", tmp_path / "out")
    said = inceptionkit("predict", tmp_path / "out", photo, "--early-exit", "0.5")

    assert said.code == 2
    assert "was not exported with exit 'first'; export it again with --exits" in said.err


def test_the_users_own_images_are_compared_on_and_named(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path
) -> None:
    said = inceptionkit(
        "export", model, "--to", "onnx", "--images", photo, "--out", tmp_path / "out"
    )

    assert said.code == 0
    assert f"of 1 images ({photo})" in said.out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--to", "onx"), "to cannot be 'onx'; did you mean 'onnx'?"),
        (("--precision", "int4"), "precision cannot be 'int4'; did you mean 'int8'?"),
        (("--to", "onnx", "--precision", "bf16"), "bf16 is not made for onnx"),
        (("--to", "torch", "--exits"), "a torch export is not cut at exits"),
        (("--to", "torch", "--resize"), "a torch export does not resize; use --to openvino"),
        (("--to", "triton", "--precision", "bf16"), "not made for triton; export with --to ovms"),
        (("--to", "triton", "--exits"), "triton serves one graph; export without --exits"),
        (("--to", "tritno"), "to cannot be 'tritno'; did you mean 'triton'?"),
        (("--precision", "int8"), "int8 needs the images that the model was trained on"),
        (("--images", "nowhere"), "nowhere: no such file or folder"),
    ],
)
def test_what_cannot_be_exported_is_said_and_nothing_is_written(
    inceptionkit: Callable, model: Path, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    said = inceptionkit("export", model, *options, "--out", tmp_path / "out")

    assert said.code == 2
    assert sentence in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("classes", "each", "sentence"),
    [
        (("dark", "light"), 30, "the model has no class"),
        (("0", "1"), 4, "int8 needs 10 images to set its ranges and 10 to be judged by"),
    ],
)
def test_int8_refuses_images_of_other_classes_and_too_few(
    inceptionkit: Callable,
    model: Path,
    photos: Callable,
    tmp_path: Path,
    classes: tuple[str, ...],
    each: int,
    sentence: str,
) -> None:
    data = photos(classes, each=each)
    said = inceptionkit(
        "export", model, "--precision", "int8", "--data", data, "--out", tmp_path / "out"
    )

    assert said.code == 2
    assert sentence in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["the model itself", "a folder of photos", "a file", "here"])
def test_nothing_but_an_earlier_export_is_ever_replaced(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path, what: str
) -> None:
    (tmp_path / "photos").mkdir()
    photo.rename(tmp_path / "photos" / "photo.png")
    (tmp_path / "notes").write_text("mine")
    places = {
        "the model itself": model,
        "a folder of photos": tmp_path / "photos",
        "a file": tmp_path / "notes",
        "here": Path(),
    }
    before = {file: file.read_bytes() for file in model.iterdir()}

    said = inceptionkit("export", model, "--to", "onnx", "--out", places[what])

    assert said.code == 2
    assert "is there already, and is no exported model; choose another folder" in said.err
    assert {file: file.read_bytes() for file in model.iterdir()} == before
    assert (tmp_path / "photos" / "photo.png").is_file()
    assert (tmp_path / "notes").read_text() == "mine"


def test_an_earlier_export_and_an_empty_folder_are_replaced(
    inceptionkit: Callable, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()

    first = inceptionkit("export", model, "--to", "onnx", "--out", tmp_path / "out")
    second = inceptionkit("export", model, "--to", "openvino", "--out", tmp_path / "out")

    assert (first.code, second.code) == (0, 0)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "main.bin",
        "main.xml",
        "model.json",
    ]


def test_the_file_on_disk_passes_onnxs_checker_with_all_shapes(
    inceptionkit: Callable, model: Path, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx")
    inceptionkit("export", model, "--to", "onnx", "--resize", "--out", tmp_path / "out", "--quiet")
    path = tmp_path / "out" / "main.onnx"

    onnx.checker.check_model(path, full_check=True)
    found = onnx.load(path)

    assert [(one.domain, one.version) for one in found.opset_import] == [("", 18)]
    known = {one.name for one in (*found.graph.value_info, *found.graph.output)}
    assert {name for node in found.graph.node for name in node.output} <= known


@pytest.mark.parametrize("name", ["main.onnx", "model.json"])
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_export_is_refused(
    inceptionkit: Callable, model: Path, photo: Path, tmp_path: Path, name: str, damage: str
) -> None:
    inceptionkit("export", model, "--to", "onnx", "--out", tmp_path / "out")
    path = tmp_path / "out" / name
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    else:
        data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    said = inceptionkit("predict", tmp_path / "out", photo)

    assert said.code == 2
    assert "copy the" in said.err


def test_a_missing_engine_names_the_extra(
    inceptionkit: Callable, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    said = inceptionkit("export", model, "--to", "onnx", "--out", tmp_path / "out")

    assert said.code == 2
    assert "onnx is not installed; pip install 'inceptionkit[deploy]'" in said.err


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (("--to", "openvino"), ()),
        (("--to", "onnx", "--exits"), ("--early-exit", "0.2")),
        (("--to", "ovms", "--resize"), ()),
        (("--to", "triton"), ("--json",)),
    ],
)
def test_predict_with_an_exported_model_imports_no_torch(
    shell: Callable,
    inceptionkit: Callable,
    model: Path,
    photo: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    asked: tuple[str, ...],
) -> None:
    inceptionkit("export", model, *options, "--out", tmp_path / "out")
    words = ["predict", str(tmp_path / "out"), str(photo), *asked]
    code = (
        "import sys; from inceptionkit.cli import main; "
        f"code = main({words!r}); "
        "sys.exit(3 if 'torch' in sys.modules else code)"
    )
    said = shell(entry=("-c", code))

    assert said.code == 0, said.err
    assert str(photo) in said.out


def test_an_export_that_disagrees_is_refused_and_says_where(
    inceptionkit: Callable, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inceptionkit.deployment import onnx

    honest = onnx.NetworkBuilder.folded

    def wrong(self, step, op):  # noqa: ANN001, ANN202 - as the method it stands for
        weight, bias = honest(self, step, op)
        bias[:] += 0.5 * ("inception3" in step.at)
        return weight, bias

    monkeypatch.setattr(onnx.NetworkBuilder, "folded", wrong)
    said = inceptionkit("export", model, "--out", tmp_path / "out")

    assert said.code == 2
    assert "the first block that differs is trunk.inception3" in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_int8_is_calibrated_judged_and_smaller(
    inceptionkit: Callable, photos: Callable, tmp_path: Path
) -> None:
    data = photos(("dark", "light"), each=60)
    inceptionkit(
        "train", data, "--epochs", "3", "--input", "32", "--out", tmp_path / "run", "--quiet"
    )
    said = inceptionkit(
        "export", tmp_path / "run", "--precision", "int8", "--data", data, "--out", tmp_path / "out"
    )
    inceptionkit("export", tmp_path / "run", "--out", tmp_path / "float")

    assert said.code == 0, said.err
    assert "main in int8: top-1" in said.out
    small, large = (
        sum(file.stat().st_size for file in (tmp_path / name).glob("main.bin"))
        for name in ("out", "float")
    )
    assert small < 0.4 * large
    assert read_card(tmp_path / "out")[0].exported.precision == "int8"


def test_a_new_export_keeps_what_it_did_not_write(
    inceptionkit: Callable, model: Path, tmp_path: Path
) -> None:
    place = tmp_path / "served"
    assert inceptionkit("export", model, "--to", "ovms", "--out", place).code == 0
    (place / "2" / "deep").mkdir(parents=True)
    (place / "2" / "deep" / "model.xml").write_text("the user's version")
    (place / "1" / "notes.txt").write_text("the user's notes")
    (place / "link").symlink_to("nowhere")

    said = inceptionkit("export", model, "--to", "onnx", "--out", place)
    assert said.code == 0
    files = {p.relative_to(place).as_posix() for p in place.rglob("*") if not p.is_dir()}
    assert files == {
        "2/deep/model.xml", "1/notes.txt", "link", "main.onnx", "model.json"
    }  # fmt: skip
    assert (place / "2" / "deep" / "model.xml").read_text() == "the user's version"
    assert (place / "link").readlink() == Path("nowhere")


def test_a_file_of_others_is_not_written_over(
    inceptionkit: Callable, model: Path, tmp_path: Path
) -> None:
    place = tmp_path / "served"
    assert inceptionkit("export", model, "--to", "onnx", "--out", place).code == 0
    (place / "config.json").write_text("the user's")

    said = inceptionkit("export", model, "--to", "ovms", "--out", place)
    assert said.code == 2
    assert f"{place}/config.json: is not of the model that is there; move it away" in said.err
    assert (place / "config.json").read_text() == "the user's"
    assert (place / "main.onnx").is_file()
