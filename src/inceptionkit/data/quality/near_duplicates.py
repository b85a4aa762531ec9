"""Near-duplicates: images that show the same picture, found by their thumbnails.

A hash of 63 bits proposes pairs, the thumbnails decide. Found are copies that were encoded again,
resized, stretched, mirrored, brightened, turned by a few degrees, or cropped by about 5 %; larger
crops, added frames and copies without color are found in part or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inceptionkit.data.quality.inspect import THUMBNAIL

Thumbnails: TypeAlias = NDArray[np.uint8]  # (images, 16, 16, 3)
Hashes: TypeAlias = NDArray[np.uint64]

_RADIUS = 12  # bits in which the hashes of a pair may differ
_BANDS = 7  # of 9 bits: a pair must agree in one of them
MAX_PICTURE_DIFFERENCE = 0.1  # 1 - correlation of two thumbnails
MAX_DETAIL_DIFFERENCE = 0.2  # of their gradients
_MAX_ALIKE = 0.002  # see `detail_limit`
_MIN_SPREAD = 2.0  # standard deviation of a thumbnail, 0 to 127.5, below which it shows nothing
_PER_ROW = 16  # pairs of one image in a band that are looked at where most are near: the nearest
_ROWS = 2048  # rows or pairs at a time

_FREQUENCIES = 8
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class Group:
    """Images that show the same picture."""

    members: tuple[int, ...]  # indices into the source's samples, ascending, two or more
    exact: bool  # whether all have the same pixels
    mirrored: bool  # whether some is another one mirrored


def find_groups(
    thumbnails: Thumbnails,
    indices: NDArray[np.int64],
    *,
    allows_flip: bool,
    pixels: NDArray[np.uint64] | None = None,
    threads: int = 1,
) -> tuple[Group, ...]:
    """Groups among some images; no image is in two.

    Args:
        thumbnails: (images, 16, 16, 3) of the images.
        indices: (images,) their places in the dataset, which the groups name.
        allows_flip: whether a mirrored image is a copy too.
        pixels: (images,) hash of all pixels of each; without it no group is called exact.
        threads: how many search at once.

    Returns:
        By first member.
    """
    pairs = similar_pairs(thumbnails, allows_flip=allows_flip, threads=threads)
    roots = _roots(len(indices), pairs)
    flipped = {int(roots[first]) for first in pairs[pairs[:, 2] == 1, 0].tolist()}
    order = np.argsort(roots, kind="stable")
    ends = np.flatnonzero(np.diff(roots[order])) + 1
    return tuple(
        Group(
            tuple(indices[members].tolist()),
            exact=pixels is not None and len(set(pixels[members].tolist())) == 1,
            mirrored=int(roots[members[0]]) in flipped,
        )
        for members in np.split(order, ends)
        if len(members) > 1
    )


def _roots(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each image the smallest one that pairs lead to."""
    parents = list(range(count))

    def root(image: int) -> int:
        while parents[image] != image:
            parents[image] = image = parents[parents[image]]
        return image

    for first, second in pairs[:, :2].tolist():
        low, high = sorted((root(first), root(second)))
        parents[high] = low
    return np.array([root(image) for image in range(count)], np.int64)


def similar_pairs(
    thumbnails: Thumbnails, *, allows_flip: bool, threads: int = 1
) -> NDArray[np.int64]:
    """Pairs of images that show the same picture.

    Args:
        thumbnails: of the images.
        allows_flip: whether a mirrored image is a copy too.
        threads: how many search at once.

    Returns:
        (pairs, 3): two indices, the first smaller, and 1 where one is the other mirrored. Of a
        large group not every pair is among them, but enough to connect it.
    """
    distinct, first = _distinct(thumbnails)
    shown = distinct[_spread(thumbnails[distinct]) >= _MIN_SPREAD]
    with ThreadPoolExecutor(threads, thread_name_prefix="similar") as pool:
        near = _candidates(thumbnails, shown, pool, allows_flip=allows_flip)
        pairs = _verified(thumbnails, near, pool)
    same = np.flatnonzero(first != np.arange(len(first)))
    copies = np.stack([first[same], same, np.zeros_like(same)], axis=1)
    return np.concatenate([copies, pairs])


def perceptual_hashes(thumbnails: Thumbnails) -> Hashes:
    """63 bits for each image: the signs of its lowest frequencies, the mean left out.

    Sources:
        C. Zauner (2010), Implementation and benchmarking of perceptual image hash functions,
        section 3.2.1 (DCT), with the sign in place of the median, so that mirroring an image
        flips known bits (`flipped_hashes`).
    """
    place = np.arange(THUMBNAIL)
    waves = np.cos(np.pi * (2 * place + 1) * np.arange(_FREQUENCIES)[:, None] / (2 * THUMBNAIL))
    basis = waves.astype(np.float32)
    powers = np.uint64(1) << np.arange(_FREQUENCIES**2, dtype=np.uint64)
    hashes = np.empty(len(thumbnails), np.uint64)
    for start in range(0, len(thumbnails), _ROWS):
        grey = thumbnails[start : start + _ROWS] @ _GREY
        signs = (basis @ grey @ basis.T > 0).reshape(len(grey), -1)
        signs[:, 0] = False
        hashes[start : start + _ROWS] = (signs * powers).sum(axis=1, dtype=np.uint64)
    return hashes


def flipped_hashes(hashes: Hashes) -> Hashes:
    """Hashes of the mirrored images: odd horizontal frequencies change their sign."""
    odd = sum(1 << bit for bit in range(_FREQUENCIES**2) if bit % _FREQUENCIES % 2)
    return hashes ^ np.uint64(odd)


def detail_limit(thumbnails: Thumbnails) -> float:
    """How much the gradients of a pair may differ: little where all images look alike.

    Between gradients of unrelated images the mean square of the correlation is about one over
    the count of independent numbers in them: 1/150 for photographs, 1/10 for handwritten digits,
    of which two by different hands may agree to 97 %. Below 1/100 the limit is
    `MAX_DETAIL_DIFFERENCE`; above, it falls in proportion.
    """
    chosen = np.random.default_rng(0).permutation(len(thumbnails))[:1000]
    gradients = _unit(_gradients(thumbnails[chosen]))
    square = np.square(gradients @ gradients.T, dtype=np.float32)
    pairs = len(chosen) * (len(chosen) - 1) / 2
    among = float(square.sum() - np.trace(square)) / 2
    doubt = 1000  # pairs at 1/150 that are added, lest a few copies among few images decide
    return min(MAX_DETAIL_DIFFERENCE, _MAX_ALIKE * (pairs + doubt) / (among + doubt / 150))


def picture_difference(first: Thumbnails, second: Thumbnails) -> NDArray[np.float32]:
    """1 - correlation of each pair, (pairs,): brightness and contrast do not count."""
    return _difference(_flat(first), _flat(second))


def detail_difference(first: Thumbnails, second: Thumbnails) -> NDArray[np.float32]:
    """1 - correlation of each pair's gradients, (pairs,): a common sky, or frame, counts little."""
    return _difference(_gradients(first), _gradients(second))


def likeness(
    first: Thumbnails, second: Thumbnails
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Correlation of each of some images with each of others, (first, second).

    Returns:
        That of their pixels, and that of their gradients.
    """
    pictures = _unit(_flat(first)) @ _unit(_flat(second)).T
    return pictures, _unit(_gradients(first)) @ _unit(_gradients(second)).T


def _distinct(thumbnails: Thumbnails) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Images of which no two have the same thumbnail, and for each image the first like it."""
    rows = np.ascontiguousarray(thumbnails).reshape(len(thumbnails), prod(thumbnails.shape[1:]))
    words = rows.view(np.uint64)
    odd = np.random.default_rng(0).integers(0, 2**63, words.shape[1], np.uint64) * 2 + 1
    _, firsts, place = np.unique(words @ odd, return_index=True, return_inverse=True)
    first = firsts[place].astype(np.int64)
    if (words != words[first]).any():  # different thumbnails of one sum: as good as never
        seen: dict[bytes, int] = {}
        first = np.array([seen.setdefault(row.tobytes(), at) for at, row in enumerate(words)])
    return np.flatnonzero(first == np.arange(len(first))), first


def _candidates(
    thumbnails: Thumbnails, shown: NDArray[np.int64], pool: ThreadPoolExecutor, *, allows_flip: bool
) -> NDArray[np.int64]:
    """Pairs, as `similar_pairs` returns them, whose hashes are near.

    Sources:
        M. Norouzi, A. Punjani, D. Fleet (2012), Fast search in Hamming space with multi-index
        hashing, arXiv:1307.2982: near hashes agree in a part. Pairs within 6 bits are all
        found; of those further apart nearly all.
    """
    hashes = perceptual_hashes(thumbnails[shown])
    turned = flipped_hashes(hashes) if allows_flip else hashes[:0]
    every = np.concatenate([hashes, turned])
    ascending = np.argsort(every, kind="stable")

    def in_band(band: int) -> NDArray[np.int64]:
        buckets = _buckets(every, ascending, band)
        near = (pairs for bucket in buckets for pairs in _near(every, bucket, len(hashes)))
        return np.concatenate([np.empty((0, 2), np.int64), *near])

    pairs = np.unique(np.concatenate(list(pool.map(in_band, range(_BANDS)))), axis=0)
    first, second = shown[pairs[:, 0]], shown[pairs[:, 1] % max(1, len(hashes))]
    ordered = np.stack([np.minimum(first, second), np.maximum(first, second)])
    return np.unique(np.stack([*ordered, pairs[:, 1] >= len(hashes)], axis=1), axis=0)


def _buckets(
    hashes: Hashes, ascending: NDArray[np.int64], band: int
) -> Iterator[NDArray[np.int64]]:
    """Hashes that agree in a band: every 7th bit, so that each has low and high frequencies."""
    part = np.zeros(len(hashes), np.uint16)  # short numbers are sorted much faster
    for place, bit in enumerate(range(1 + band, _FREQUENCIES**2, _BANDS)):
        part |= (hashes[ascending] >> np.uint64(bit) & np.uint64(1)).astype(np.uint16) << place
    turn = np.argsort(part, kind="stable")
    order, part = ascending[turn], part[turn]
    ends = np.flatnonzero(part[1:] != part[:-1]) + 1
    for start, end in pairwise([0, *ends.tolist(), len(order)]):
        # a bucket that does not end: data that look alike, of which neighbors suffice
        for begin in range(start, end, 2 * _ROWS):
            yield order[begin : min(end, begin + 2 * _ROWS)]


def _near(hashes: Hashes, bucket: NDArray[np.int64], count: int) -> Iterator[NDArray[np.int64]]:
    """Pairs of a bucket within `_RADIUS`; the first is no mirrored one, which follow `count`."""
    plain = bucket[bucket < count]
    if len(bucket) < 2 or not len(plain):
        return
    bits = np.bitwise_count(hashes[plain][:, None] ^ hashes[bucket])
    near = bits <= _RADIUS
    if np.count_nonzero(near) > _PER_ROW * len(plain):  # all look alike
        nearest = np.zeros_like(near)
        columns = np.argpartition(bits, _PER_ROW, axis=1)[:, :_PER_ROW]
        np.put_along_axis(nearest, columns, values=True, axis=1)
        near &= nearest
    row, column = np.divmod(np.flatnonzero(near), len(bucket))
    first, second = plain[row], bucket[column]
    kept = first < second % count
    if kept.any():
        yield np.stack([first[kept], second[kept]], axis=1)


def _verified(
    thumbnails: Thumbnails, pairs: NDArray[np.int64], pool: ThreadPoolExecutor
) -> NDArray[np.int64]:
    """The pairs whose thumbnails show the same picture."""
    if not len(pairs):
        return pairs
    limit = detail_limit(thumbnails)

    checks = ((picture_difference, MAX_PICTURE_DIFFERENCE), (detail_difference, limit))

    def good(start: int) -> NDArray[np.int64]:
        some = pairs[start : start + _ROWS]
        for difference, most in checks:
            second = thumbnails[some[:, 1]]
            flipped = some[:, 2] == 1
            second[flipped] = second[flipped][:, :, ::-1]
            some = some[difference(thumbnails[some[:, 0]], second) <= most]
        return some

    return np.concatenate(list(pool.map(good, range(0, len(pairs), _ROWS))))


def _spread(thumbnails: Thumbnails) -> NDArray[np.float32]:
    """Standard deviation of each, (images,)."""
    deviations = np.empty(len(thumbnails), np.float32)
    for start in range(0, len(thumbnails), _ROWS):
        deviations[start : start + _ROWS] = _flat(thumbnails[start : start + _ROWS]).std(axis=1)
    return deviations


def _gradients(thumbnails: Thumbnails) -> NDArray[np.float32]:
    images = thumbnails.astype(np.float32)
    return np.concatenate([_flat(np.diff(images, axis=axis)) for axis in (1, 2)], axis=1)


def _flat(images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    return images.reshape(len(images), prod(images.shape[1:])).astype(np.float32)


def _difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    difference: NDArray[np.float32] = 1 - (_unit(first) * _unit(second)).sum(axis=1)
    return difference


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of mean 0 and length 1; those without any variation stay 0."""
    centerd = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centerd, axis=1, keepdims=True)
    unit: NDArray[np.float32] = centerd / np.maximum(lengths, np.float32(1e-6))
    return unit
