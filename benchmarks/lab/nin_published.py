"""Claim 1, the weights themselves: Network in Network as its authors published it, on CIFAR-10.

The file `cifar10_nin.caffemodel` of Caffe's model zoo is read by our importer, and the test images
are prepared as those that it was trained on: global contrast normalization and ZCA whitening, which
are computed from the training images. The zoo states an accuracy of 89.6 %.

    python benchmarks/lab/nin_published.py cifar10_nin.caffemodel PATH/TO/cifar10

Exit code 1: the accuracy is more than 0.1 points from that. The dataset is any that `inceptionkit
train` reads and that has train and test images of 32 px.

Sources:
    Lin, Chen and Yan 2013, arXiv:1312.4400, section 4.1; the preparation is that of Goodfellow et
    al. 2013, arXiv:1302.4389, as published in pylearn2: scale 55, filter bias 0.1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parents[1]))

from hardware import RESULTS, hardware, table, write

from inceptionkit.convert.registry import read_weights
from inceptionkit.data import open_dataset, split_dataset
from inceptionkit.data.loading.read import decode_samples
from inceptionkit.evaluation.classifier import network_of
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.machine import cores

PUBLISHED, NEAR = 0.896, 0.001  # accuracy that the zoo states, and how near to it ours must be
SCALE, FILTER_BIAS, LEAST_LENGTH = 55.0, 0.1, 1e-8
BATCH = 500


def vectors(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images (count, 32, 32, 3) as rows, channel after channel, with their contrast normalized."""
    rows = pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1).astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    lengths = np.sqrt((rows**2).sum(1, keepdims=True)) / SCALE
    lengths[lengths < LEAST_LENGTH] = 1.0
    return rows / lengths


def whitening(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean of the rows, and the symmetric matrix that makes their covariance the unit matrix."""
    mean = rows.mean(0)
    centered = (rows - mean).astype(np.float64)
    variances, axes = np.linalg.eigh(centered.T @ centered / len(rows))
    matrix = (axes / np.sqrt(variances + FILTER_BIAS)) @ axes.T
    return mean, matrix.astype(np.float32)


def main() -> int:
    """Prepare, classify, compare; 1 where the result is not the published one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="cifar10_nin.caffemodel of Caffe's model zoo")
    parser.add_argument("data", help="CIFAR-10, with its test images")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--threads", type=int, default=cores(), help="processor cores to use")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dataset = open_dataset(args.data)
    sets = split_dataset(dataset, 0)
    train = decode_samples(dataset, np.union1d(sets.train, sets.val), lambda image: image)
    test = decode_samples(dataset, sets.test, lambda image: image)
    mean, matrix = whitening(vectors(train.pixels))
    rows = (vectors(test.pixels) - mean) @ matrix
    images = torch.from_numpy(rows.reshape(-1, 3, 32, 32))
    labels = dataset.samples.labels[test.indices]
    card, tensors = read_weights(args.weights)
    model = network_of(card, tensors)
    with torch.inference_mode():
        found = torch.cat([model(part).main.argmax(1) for part in images.split(BATCH)]).numpy()
    top1 = float((found == labels).mean())
    low, high = wilson(top1, len(labels))
    result = {
        "hardware": hardware(),
        "network": card.architecture.name,
        "train_images": len(train.pixels),
        "test_images": len(labels),
        "top1": top1,
        "interval95": [low, high],
        "published": PUBLISHED,
    }
    write(args.results / "lab", "nin_published", result)
    row = [
        f"{100 * top1:.2f} %",
        f"{100 * low:.2f} to {100 * high:.2f} %",
        f"{100 * PUBLISHED:.1f} %",
    ]
    print(
        table(
            ["network", "top-1 here", "95 % interval", "published"],
            [[card.architecture.name, *row]],
        )
    )
    return 0 if abs(top1 - PUBLISHED) <= NEAR else 1


if __name__ == "__main__":
    sys.exit(main())
