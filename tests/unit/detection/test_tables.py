"""Tables of boxes as spreadsheets and people write them."""

from pathlib import Path

import annotated
import pytest

from inceptionkit.detection.sources import open_detection
from inceptionkit.errors import DataError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return annotated.write_table(tmp_path / "data") / "boxes.csv"


def test_semicolons_say_what_commas_say(table: Path) -> None:
    before = open_detection(table.parent).fingerprint()
    table.write_text(table.read_text().replace(",", ";"))

    assert open_detection(table.parent).fingerprint() == before


def test_with_semicolons_numbers_may_have_a_decimal_comma(table: Path) -> None:
    table.write_text(
        "\n\nfilename;xmin;ymin;xmax;ymax;class\nphotos/000.png;2,5;3;20,25;30;disc, red\n"
    )

    (image,) = (opened := open_detection(table)).images

    assert image.boxes.tolist() == [[2.5, 3, 20.25, 30]]
    assert opened.classes == ("disc, red",)


def test_a_table_of_known_columns_without_classes_has_one(table: Path) -> None:
    table.write_text(
        "filename,width,height,xmin,ymin,xmax,ymax\nphotos/000.png,64,48,2,3,20,30\n"
        "photos/001.png,64,48,,,,\n"
    )

    opened = open_detection(table)

    assert opened.classes == ("object",)
    assert [len(image) for image in opened] == [1, 0]


def test_a_column_that_may_be_the_one_of_classes_is_not_passed_over(table: Path) -> None:
    table.write_text("filename,xmin,ymin,xmax,ymax,species\nphotos/000.png,2,3,20,30,disc\n")

    says = "no column of classes beside 'species'; call the column of classes one of class, label,"
    with pytest.raises(DataError, match=says):
        open_detection(table)


def test_in_a_folder_a_table_without_classes_is_of_something_else(table: Path) -> None:
    (table.parent / "crops.csv").write_text("filename,x,y,w,h\nphotos/000.png,2,3,20,30\n")

    assert open_detection(table.parent).classes == annotated.CLASSES
