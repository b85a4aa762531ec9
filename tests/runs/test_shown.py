"""Results show themselves: in a shell, in a notebook, as figures."""

import io
from pathlib import Path

import pytest

import inceptionkit
from inceptionkit.catalog import find, sentences

MATPLOTLIB = "matplotlib is not installed"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> "inceptionkit.training.run.finish.TrainResult":
    return inceptionkit.train(
        "digits", architecture="compact", input_size=8, epochs=1, precision="fp32",
        out=tmp_path_factory.mktemp("shown") / "run", listener=None,
    )  # fmt: skip


def test_a_run_shows_scores_and_its_page(run) -> None:  # noqa: ANN001
    html = run._repr_html_()

    assert "95 % interval" in html
    assert "<td>main</td>" in html
    assert "<iframe srcdoc=" in html
    assert "without learning: 10.0 % by guessing" in repr(run)
    assert len(repr(run).splitlines()) <= 10


def test_a_run_and_scores_are_drawn(run) -> None:  # noqa: ANN001
    pytest.importorskip("matplotlib", reason=MATPLOTLIB)
    file = io.BytesIO()
    figure = run.plot()
    figure.savefig(file, format="png")
    scored = inceptionkit.evaluate(run.run, "digits", listener=None)

    assert [axes.get_title() for axes in figure.axes] == ["Loss", "Top-1 on val", "Confusion"]
    assert file.getvalue().startswith(b"\x89PNG")
    assert [axes.get_title() for axes in scored.plot().axes] == ["Confusion"]
    assert "top-1" in scored._repr_html_()


def test_without_matplotlib_one_is_told_what_to_install(
    run,  # noqa: ANN001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)

    with pytest.raises(inceptionkit.InceptionError, match=r"pip install \'inceptionkit\[plot\]\'"):
        run.plot()


def test_explanations_are_pictures(run, tmp_path: Path) -> None:  # noqa: ANN001
    from PIL import Image

    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    found = inceptionkit.explain(run.run, tmp_path / "a.png", out=tmp_path / "map.png")

    assert (found._repr_png_() or b"").startswith(b"\x89PNG")
    assert found._repr_html_().startswith('<img src="data:image/png;base64,')


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "torch"])
def test_a_loaded_model_says_what_it_is(run, engine: str) -> None:  # noqa: ANN001
    said = repr(inceptionkit.load(run.run, engine=engine)).splitlines()

    assert said[1:] == [
        "    network: compact, exits: exit1, exit2",
        "    classes: 10 (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)",
        "    input: 8x8 RGB, short side 8",
        f"    engine: {engine}, 1 at once",
    ]


def test_every_architecture_fits_ten_lines() -> None:
    for name in sentences():
        lines = repr(find(name)).splitlines()
        assert len(lines) <= 10
        assert max(map(len, lines)) < 500


@pytest.mark.slow
def test_a_notebook_shows_a_training_and_its_result(tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(
            "import inceptionkit\n"
            "inceptionkit.train('digits', architecture='compact', input_size=8, epochs=1,\n"
            "                   precision='fp32', out='run')"
        )
    ]
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()

    shown, result = notebook.cells[0].outputs
    assert "<th>val top-1</th>" in shown.data["text/html"]
    assert "<progress" not in shown.data["text/html"]
    assert "<iframe srcdoc=" in result.data["text/html"]
