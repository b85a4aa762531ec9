"""Which names of classes mean something else in a mirror, as people write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_SIDES = (
    "left right leftward rightward leftwards rightwards lefthand righthand "
    "clockwise counterclockwise anticlockwise ccw"
)
_PAIRS = tuple(  # words of other languages, some of which mean something else when alone
    (frozenset(left.split()), frozenset(right.split()))
    for left, right in (
        ("links linke linker linkes linkse", "rechts rechte rechter rechtes rechtse"),
        ("gauche gauches", "droite droit droites droits"),
        ("izquierda izquierdo", "derecha derecho"),
        ("sinistra sinistro", "destra destro"),
        ("esquerda esquerdo", "direita direito"),
        ("stânga stanga", "dreapta"),
        ("vänster venstre", "höger højre høyre hoger"),
        ("vasen vasemmalle vasemmalla", "oikea oikealle oikealla"),
        ("lewo lewa lewy lewe", "prawo prawa prawy prawe"),
        (
            "vlevo levá levý levo leva levi lijevo lijeva",
            "vpravo pravá pravý pravo prava desno desna",
        ),
        ("sol sola", "sağ sag sağa"),
        ("bal balra", "jobb jobbra"),
        ("kiri", "kanan"),
        ("trái", "phải"),
        ("αριστερά αριστερα", "δεξιά δεξια"),
        ("лево налево влево левый левая слева", "право направо вправо правый правая справа"),
        ("ліво ліворуч лівий ліва", "право праворуч правий права"),
    )
)
_PARTS = (  # of writing that does not put a space between words, or joins them
    "左 右 왼 오른 좌회전 우회전 يسار يمين שמאל ימין बाएं बाएँ बायां दाएं दाएँ दायां ซ้าย ขวา"
)
_CAPITALS = re.compile(r"(?<=[^\W\d_])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])")


def flippable(classes: Sequence[str]) -> bool:
    """Whether mirrored images keep their class, as far as the names of the classes tell.

    Not where all are characters or numbers, or some say left or right.

    >>> flippable(["daisy", "rose"]), flippable(["0", "1", "10"]), flippable(["TurnLeft", "ahead"])
    (True, False, False)
    """
    names = [unicodedata.normalize("NFC", name) for name in classes]
    if all(len(name) == 1 or name.isdecimal() for name in names):
        return False
    spaced = " ".join(_CAPITALS.sub(" ", name) for name in names)
    words = set(re.findall(r"[^\W\d_]+", spaced.lower()))
    if words & set(_SIDES.split()) or any(words & left and words & right for left, right in _PAIRS):
        return False
    return not any(part in spaced for part in _PARTS.split())
