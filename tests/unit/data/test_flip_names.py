"""What the names of classes say of mirrored images."""

import unicodedata

import pytest

from inceptionkit.data.flip_names import flippable


@pytest.mark.parametrize(
    "names",
    [
        "daisy rose",
        "cat dog",
        "bright cleft",  # words that only contain one
        "copyright upright",
        "sol luna",  # sun, in Spanish; left, in Turkish
        "links chain",
        "class0 class1",  # what they look like decides
        "A3 Q5",
        "123abc 456def",
    ],
)
def test_names_that_say_nothing_leave_it_to_the_images(names: str) -> None:
    assert flippable(names.split())


@pytest.mark.parametrize(
    "names",
    [
        ["turn-left", "turn-right"],
        ["TurnLeft", "TurnRight"],
        ["turnLeft", "ahead"],
        ["HANDLeft", "HANDRight"],
        ["left.hand", "right.hand"],
        ["left_2", "other"],
        ["arrow(right)", "arrow(up)"],
        ["LEFT", "RIGHT"],
        ["Left2", "Up2"],
        ["clockwise", "counterclockwise"],
    ],
)
def test_left_and_right_are_found_however_words_are_joined(names: list[str]) -> None:
    assert not flippable(names)


@pytest.mark.parametrize(
    "names",
    [
        [str(n) for n in range(10)],
        [str(n) for n in range(11)],
        ["00", "01", "12"],
        list("abc"),
        ["१", "२", "१०"],
    ],
)
def test_characters_and_numbers_may_be_what_is_written_in_the_images(names: list[str]) -> None:
    assert not flippable(names)


@pytest.mark.parametrize(
    "names",
    [
        "links rechts",
        "abbiegen-links abbiegen-rechts",
        "gauche droite",
        "girar_izquierda girar_derecha",
        "sinistra destra",
        "esquerda direita",
        "Vänster Höger",
        "налево направо",
        "左转 右转",
        "왼쪽 오른쪽",
        "يسار يمين",
        "sola sağa",
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_other_languages_have_them_too(names: str, form: str) -> None:
    assert not flippable([unicodedata.normalize(form, name) for name in names.split()])
