"""What can be read off the figures."""

import base64
import io
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from made_up import exit_result, made_up_run
from PIL import Image

from inceptionkit.report.charts import exit_ink, loss_curves, rate_curve, top1_curves
from inceptionkit.report.confusion import MAP_CELLS, RIGHT_RGB, WRONG_RGB, matrix, shades
from inceptionkit.report.cost_charts import exits_against_cost
from inceptionkit.report.finished_run import ExitResult
from inceptionkit.svg import round_range, round_steps

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing: str, tag: str = "text") -> list[str]:
    """What the elements of a drawing say."""
    root = ET.fromstring(drawing)  # noqa: S314 our own
    return ["".join(element.itertext()) for element in root.iter(SVG + tag)]


def exit_row(name: str, macs: int, top1: float | None) -> ExitResult:
    return exit_result(name, macs=macs, share_of_macs=0.5, top1=top1)


def test_every_figure_says_what_it_shows_to_those_who_cannot_see_it() -> None:
    run = made_up_run()
    figures = [draw(run.epochs) for draw in (loss_curves, top1_curves, rate_curve)]
    drawings = [f.drawing for f in [*figures, exits_against_cost(run.exits, 93)] if f is not None]

    assert [texts(drawing, "title")[0] for drawing in drawings] == [
        "Loss over 3 epochs",
        "Top-1 on val over 3 epochs",
        "Learning rate over 3 epochs",
        "Top-1 of each exit against its cost",
    ]
    assert texts(drawings[0], "desc") == ["train from 2.000 to 0.667; val from 1.500 to 0.500."]


def test_figures_take_their_colors_from_the_page() -> None:
    run = made_up_run()
    curves, confusion = top1_curves(run.epochs), run.confusion

    assert curves is not None
    assert not re.search(r'(fill|stroke)="|#[0-9a-f]{3}|style=', curves.drawing)
    assert not re.search(r'(fill|stroke)="|#[0-9a-f]{3}|style=', matrix(confusion, run.classes))


def test_a_higher_top1_is_drawn_higher() -> None:
    figure = top1_curves(made_up_run().epochs)

    assert figure is not None
    path = re.search(r'class="line ink0" d="M([^"]+)"', figure.drawing)
    assert path is not None
    heights = [float(point.split()[1]) for point in path[1].split("L")]
    assert heights == sorted(heights, reverse=True)


def test_an_epoch_without_val_leaves_a_gap_not_a_zero() -> None:
    rows = tuple(
        {"epoch": k, "train_loss": 2.0, **({"val_loss": val} if val else {})}
        for k, val in enumerate([1.0, None, 0.5])
    )
    figure = loss_curves(rows)

    assert figure is not None
    assert [(entry.name, entry.last) for entry in figure.legend] == [
        ("val", "0.500"),
        ("train", "2.000"),
    ]
    assert "val 0.000" not in figure.drawing


def test_what_was_never_measured_is_not_drawn() -> None:
    row = {"epoch": 1.0, "seconds": 1.0, "lr": 0.1}

    assert (loss_curves((row,)), top1_curves((row,)), rate_curve(())) == (None, None, None)
    assert exits_against_cost((exit_row("main", 5, None),), 10) is None


def test_a_thousand_epochs_stay_small() -> None:
    rows = tuple(
        {"epoch": k, "train_loss": 1 / k, "val_loss": 1 / k, "val_top1": 0.5}
        for k in range(1, 1001)
    )
    figure = loss_curves(rows)

    assert figure is not None
    assert len(figure.drawing) < 60_000


def test_an_exit_has_one_color_everywhere_and_main_the_first() -> None:
    names = ["aux1", "aux2", "main"]

    assert [exit_ink(name, names) for name in names] == [1, 2, 0]
    assert exit_ink("aux2", ["aux1", "aux2"]) == 2


def test_labels_of_exits_close_together_do_not_cover_each_other() -> None:
    rows = [exit_row(f"aux{k}", 1000 + 40 * k, 0.9 + 0.001 * k) for k in range(4)]
    figure = exits_against_cost((*rows, exit_row("main", 1200, 0.905)), 10_000)

    assert figure is not None
    spots = re.findall(r'class="name mid" x="([^"]+)" y="([^"]+)"', figure.drawing)
    heights = sorted(float(y) for _, y in spots)
    assert len(spots) == 5
    assert min(b - a for a, b in pairwise(heights)) > 12


@pytest.mark.parametrize("top1", [0.0, 0.5, 1.0])
def test_a_single_exit_of_any_score_can_be_drawn(top1: float) -> None:
    figure = exits_against_cost((exit_row("main", 0, top1),), 1)

    assert figure is not None
    assert "nan" not in figure.drawing


@pytest.mark.parametrize(
    ("low", "high", "most"),
    [(0.1, 0.97, 1.0), (0.953, 0.981, 1.0), (0.0, 0.0, None), (3e-5, 0.1, None), (-2.0, 7.0, None)],
)
def test_axes_end_on_round_numbers_and_hold_all_values(
    low: float, high: float, most: float | None
) -> None:
    ticks, bottom, top = round_range(low, high, most=most)

    assert bottom <= low <= high <= top
    assert (ticks[0], ticks[-1]) == pytest.approx((bottom, top))
    assert 3 <= len(ticks) <= 8


def test_epochs_are_counted_in_whole_numbers() -> None:
    assert round_steps(0, 3, whole=True) == [0, 1, 2, 3]
    assert round_steps(0, 1, whole=True) == [0, 1]


@pytest.mark.parametrize("classes", [2, 10, 30])
def test_each_cell_of_a_small_matrix_says_its_count(classes: int) -> None:
    confusion = np.zeros((classes, classes), np.int64)
    confusion[0, 0], confusion[1, 0], confusion[1, 1] = 1234, 2, 7
    said = texts(matrix(confusion, tuple(f"c{k}" for k in range(classes))))

    assert said[-3:] == ["1.2k", "2", "7"]


def test_a_small_matrix_names_true_and_predicted_class_of_each_cell() -> None:
    drawing = matrix(np.array([[3, 1], [0, 4]]), ("cat & dog", "x" * 60))
    hints = texts(drawing, "title")

    assert hints[2] == f"cat & dog taken for {'x' * 60}: 1 (25 %)"
    assert max(map(len, texts(drawing))) <= 18


def test_rows_are_true_classes_and_columns_are_predicted_ones() -> None:
    drawing = matrix(np.array([[0, 0, 5], [0, 0, 0], [0, 0, 0]]), ("a", "b", "c"))
    cell = re.search(r'<rect x="([^"]+)" y="([^"]+)"', drawing)
    field = re.search(r'class="field" x="([^"]+)" y="([^"]+)" width="([^"]+)"', drawing)

    assert cell is not None
    assert field is not None
    left, top, extent = (float(value) for value in field.groups())
    assert float(cell[1]) > left + extent / 2  # the last column
    assert float(cell[2]) < top + extent / 2  # the first row


def test_a_large_matrix_is_a_picture_of_bounded_size() -> None:
    confusion = np.eye(1000, dtype=np.int64) * 5
    image = re.search(r'href="data:image/png;base64,([^"]+)"', matrix(confusion, ("c",) * 1000))

    assert image is not None
    picture = Image.open(io.BytesIO(base64.b64decode(image[1])))
    assert picture.size == (MAP_CELLS, MAP_CELLS)


@pytest.mark.parametrize("classes", [31, 250, 251, 1000])
def test_a_map_shows_mistakes_where_they_are(classes: int) -> None:
    confusion = np.eye(classes, dtype=np.int64) * 5
    confusion[0, classes - 1] = 5
    pixels = shades(confusion)

    assert tuple(pixels[1, 1, :3]) == RIGHT_RGB
    assert tuple(pixels[0, -1, :3]) == WRONG_RGB
    assert pixels[-1, 0, 3] == 0
    assert pixels[0, -1, 3] > 150
