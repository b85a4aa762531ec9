"""Every architecture builds and learns, all exits on."""

import pytest
import torch

from inceptionkit.catalog import CATALOG, architecture
from inceptionkit.network import build, stages
from inceptionkit.spec import smallest_input
from inceptionkit.training.loop import deep_supervision_loss

pytestmark = pytest.mark.run

NAMES = [
    f"{name}:{dialect}" if dialect else name
    for name, entry in CATALOG.items()
    for dialect in entry.dialects or ("",)
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_one_step_of_training_with_every_exit(name: str) -> None:
    """At the smallest input at which all exits fit; no parameter may be without gradient."""
    net = architecture(name, classes=5)
    net = architecture(name, classes=5, input=max(smallest_input(net), 32))
    model = build(net).train()
    names = [e.name for e in net.exits]
    images = torch.rand(3, *net.image, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 3, 4])
    weights = {e.name: e.loss_weight for e in net.exits}

    logits = model(images, names)
    loss = deep_supervision_loss(logits, labels, weights=weights, smoothing=0.1)
    loss.backward()

    assert names == [e.name for e in architecture(name).exits]
    assert list(logits.exits) == names
    assert {tuple(scores.shape) for scores in (logits.main, *logits.exits.values())} == {(3, 5)}
    assert loss.isfinite()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", ["googlenet", "bn_inception", "inception_v3_79", "nin_cifar10"])
def test_stages_give_what_forward_gives(name: str) -> None:
    net = architecture(name, classes=5)
    model = build(net).eval()
    images = torch.rand(2, *net.image, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = model(images, [e.name for e in net.exits])
        x, found = images, {}
        for stage in stages(model):
            x = stage.body(x)
            found[stage.name] = stage.head(x)

    assert found.keys() == {*expected.exits, "main"}
    for exit_name, scores in expected.exits.items():
        torch.testing.assert_close(found[exit_name], scores)
    torch.testing.assert_close(found["main"], expected.main)
