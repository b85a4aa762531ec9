"""Linear classifiers on fixed features: what is read, and that the fit is the best there is."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from inceptionkit.catalog import architecture
from inceptionkit.network import build
from inceptionkit.spec import Net
from inceptionkit.training.heads import features, fit, linear_heads


def blobs(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three classes that overlap, in features of very different scales; one never varies."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    centers = np.random.default_rng(0).normal(size=(3, 5))
    x = centers[labels] + random.normal(size=(count, 5))
    x = np.concatenate([x * [1, 1e3, 1e-2, 1, 1], np.full((count, 1), 7.0)], 1)
    return torch.from_numpy(x).float(), torch.from_numpy(labels)


def test_the_fit_is_that_of_scikit_learn() -> None:
    train, val = blobs(400, 1), blobs(200, 2)
    penalty = 3e-3
    found = fit(train, val, classes=3, penalties=(penalty,))
    x, labels = train[0].numpy()[:, :5], train[1].numpy()
    mean, spread = x.mean(0), x.std(0)
    peer = LogisticRegression(C=1 / (2 * penalty * len(x)), tol=1e-8, max_iter=1_000)
    peer.fit((x - mean) / spread, labels)
    wanted = peer.predict_log_proba((val[0].numpy()[:, :5] - mean) / spread)
    scores = (val[0] @ found.weight.T + found.bias).log_softmax(1).numpy()

    assert np.abs(scores - wanted).max() < 0.02
    assert found.weight[:, 5].tolist() == [0, 0, 0]
    assert found.top1 == pytest.approx((scores.argmax(1) == val[1].numpy()).mean())


def test_the_same_features_give_the_same_bytes_and_the_penalty_comes_from_val() -> None:
    train, val = blobs(60, 3), blobs(400, 4)
    one, two = (fit(train, val, classes=3, smoothing=0.1) for _ in range(2))
    each = [fit(train, val, classes=3, smoothing=0.1, penalties=(p,)) for p in (3e-4, 3e-3, 3e-2)]

    assert torch.equal(one.weight, two.weight)
    assert torch.equal(one.bias, two.bias)
    assert one.top1 == max(found.top1 for found in each)


def test_a_class_without_images_is_no_obstacle() -> None:
    found = fit(blobs(50, 5), blobs(50, 6), classes=4)

    assert torch.isfinite(found.weight).all()
    assert found.weight.shape == (4, 6)


def test_each_classifier_reads_its_own_features(tiny: Net) -> None:
    model = build(tiny, seed=2).eval()
    images = torch.randn(5, 3, 16, 16)
    found = features(model, images.split(2))
    with torch.inference_mode():
        logits = model(images, exits=["first", "second"])
        heads = linear_heads(model)

        assert list(found) == list(heads) == ["first", "second", "main"]
        for name, scores in {**logits.exits, "main": logits.main}.items():
            assert torch.allclose(heads[name](found[name]), scores, atol=1e-5)


def test_a_classifier_that_is_a_convolution_is_left_alone() -> None:
    assert linear_heads(build(architecture("nin_cifar10"))) == {}
