"""Laws of dividing data, and of decoding whatever bytes there are."""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inceptionkit.data import SampleTable, split_dataset
from inceptionkit.preprocess import Preprocessing, UnusableImage, decode, header


@dataclass(frozen=True)
class Named:
    """A dataset of which only names, labels and sets count."""

    samples: SampleTable
    classes: tuple[str, ...] = ("a", "b", "c")


@st.composite
def sources(draw: st.DrawFn) -> Named:
    counts = draw(st.tuples(*[st.integers(0, 60)] * 3))
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    divided = draw(st.sampled_from([(-1,), (0,), (0, 2), (0, 1), (0, 1, 2)]))
    sets = [divided[n % len(divided)] for n in range(len(labels))]
    names = [f"{label}/{n}.jpg" for n, label in enumerate(labels)]
    return Named(SampleTable(names, np.array(labels, np.int32), np.array(sets, np.int8)))


def names(dataset: Named, indices: np.ndarray) -> set[str]:
    return {dataset.samples.names[i] for i in indices.tolist()}


@given(dataset=sources(), seed=st.integers(0, 2**63))
def test_a_division_loses_nothing_and_shares_nothing(dataset: Named, seed: int) -> None:
    sets = split_dataset(dataset, seed)
    duplicate_groups = np.concatenate([sets.train, sets.val, sets.test])

    assert sorted(duplicate_groups.tolist()) == list(range(len(dataset.samples)))


@given(dataset=sources(), seed=st.integers(0, 2**63))
def test_each_class_gives_its_share(dataset: Named, seed: int) -> None:
    sets = split_dataset(dataset, seed)
    given_sets = set(dataset.samples.sets.tolist())
    drawn = [] if 1 in given_sets else [sets.val] if 2 in given_sets else [sets.val, sets.test]
    labels = dataset.samples.labels
    pool = labels if 2 not in given_sets else labels[dataset.samples.sets == 0]
    counts = np.bincount(pool, minlength=3)

    for part in drawn:
        for count, taken in zip(counts, np.bincount(labels[part], minlength=3), strict=True):
            assert taken == (0 if count < 3 else max(1, count // 10))


def test_another_seed_draws_other_images() -> None:
    names = [f"{n}.jpg" for n in range(90)]
    samples = SampleTable(names, np.zeros(90, np.int32), np.full(90, -1, np.int8))
    drawn = [split_dataset(Named(samples), seed).test.tolist() for seed in (0, 1, 0)]

    assert drawn[0] != drawn[1]
    assert drawn[0] == drawn[2]


@given(dataset=sources(), seed=st.integers(0, 2**63), shuffle=st.randoms())
def test_the_order_of_files_does_not_count(dataset: Named, seed: int, shuffle: object) -> None:
    order = list(range(len(dataset.samples)))
    shuffle.shuffle(order)
    columns = dataset.samples
    other = Named(
        SampleTable([columns.names[i] for i in order], columns.labels[order], columns.sets[order])
    )
    one, two = split_dataset(dataset, seed), split_dataset(other, seed)

    assert names(dataset, one.val) == names(other, two.val)
    assert names(dataset, one.test) == names(other, two.test)
    assert one.rule == two.rule


FORMS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")


@cache
def whole(form: str) -> bytes:
    """A small image with metadata, as a file of that format."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    image.save(stream, form, **({"exif": exif} if form in {"JPEG", "PNG", "WEBP"} else {}))
    return stream.getvalue()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(whole(draw(st.sampled_from(FORMS))))
    for _ in range(draw(st.integers(0, 12))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(data)))
    return bytes(data[:cut] if draw(st.booleans()) else data)


@settings(max_examples=300, deadline=2_000)
@given(data=damaged())
def test_any_bytes_are_an_image_or_unusable(data: bytes) -> None:
    """Nothing but pixels or `UnusableImage` comes out, and no time is lost."""
    reasons = []
    try:
        pixels = decode(data)
    except UnusableImage as error:
        reasons.append(error.reason)
    else:
        assert (pixels.dtype, pixels.shape[2]) == (np.uint8, 3)
    try:
        seen = header(data)
    except UnusableImage as error:
        reasons.append(error.reason)
    else:
        assert seen.short_side >= 1

    assert all(0 < len(reason) < 100 for reason in reasons)


@pytest.mark.slow
@settings(max_examples=3_000, deadline=2_000)
@given(data=damaged())
def test_any_of_many_bytes_are_an_image_or_unusable(data: bytes) -> None:
    test_any_bytes_are_an_image_or_unusable.hypothesis.inner_test(data)


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    size=st.integers(1, 40),
    crop=st.floats(0.05, 1),
    interpolation=st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"]),
)
def test_any_image_fits_and_a_plain_one_stays_plain(
    height: int, width: int, size: int, crop: float, interpolation: str
) -> None:
    how = Preprocessing(size=size, crop=crop, interpolation=interpolation)
    fitted = how.fit(np.full((height, width, 3), 77, np.uint8))

    assert fitted.shape == (size, size, 3)
    assert (fitted == 77).all()
