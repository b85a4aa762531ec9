"""Colors of heat maps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inceptionkit.evaluation.heat_colors import colors, cover, layer, strengths


def lightness(rgb: np.ndarray) -> np.ndarray:
    """L* of CIELAB, from sRGB (IEC 61966-2-1)."""
    shares = rgb / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27)


def test_equal_steps_of_evidence_are_about_equal_steps_of_lightness() -> None:
    steps = np.diff(lightness(colors(np.linspace(0, 1, 11, dtype=np.float32))))

    assert (steps > 6).all()
    assert steps.max() < 2 * steps.min()


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_evidence_covers_more(a: float, b: float) -> None:
    low, high = sorted((a, b))

    assert cover(np.float32([low]))[0] <= cover(np.float32([high]))[0] <= 0.95


def test_what_has_no_evidence_stays_clear() -> None:
    nothing = np.asarray(layer(-np.ones((3, 3), np.float32), 20))

    assert nothing.shape == (20, 20, 4)
    assert nothing[..., 3].max() == 0
    assert strengths(np.eye(2, dtype=np.float32), 9).max() == 1.0
