"""What fits into memory: against what torch really keeps."""

import pytest
import torch

from inceptionkit.catalog import architecture
from inceptionkit.derive import cost
from inceptionkit.network import build
from inceptionkit.spec import Net
from inceptionkit.training.autotune import (
    COPIES,
    free_bytes,
    parts_that_fit,
    update_bytes,
)
from inceptionkit.training.loop import deep_supervision_loss


def kept_bytes(net: Net, images: int, dtype: torch.dtype) -> int:
    """Bytes of what torch saves for the backward pass, weights left out."""
    model = build(net).to(dtype).train()
    storages: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    labels = torch.zeros(images, dtype=torch.int64)
    weights = {e.name: e.loss_weight for e in net.exits}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = model(torch.zeros(images, *net.image, dtype=dtype), weights)
        loss = deep_supervision_loss(logits, labels, weights=weights, smoothing=0.0)
    assert loss.isfinite()
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    return sum(found.nbytes() for at, found in storages.items() if at not in own)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", ["compact", "nin_cifar10"])
def test_no_more_is_kept_than_predicted_and_not_much_less(name: str, dtype: torch.dtype) -> None:
    net = architecture(name, classes=10, input=32)
    weights = COPIES * dtype.itemsize * cost(net).with_exits.params
    predicted = update_bytes(net, 4, itemsize=dtype.itemsize) - weights

    assert 0.4 * predicted < kept_bytes(net, 4, dtype) < predicted


def test_parts_are_doubled_until_one_fits(tiny: Net) -> None:
    def takes(images: int) -> int:
        return update_bytes(tiny, images, itemsize=4)

    def parts(free: float, at_least: int = 1) -> int:
        free_bytes = (free + 0.5) / 0.9
        return parts_that_fit(tiny, 32, itemsize=4, at_least=at_least, free_bytes=free_bytes)

    assert parts(takes(32)) == 1
    assert parts(takes(32) - 1) == 2
    assert parts(takes(8)) == 4
    assert parts(takes(32), at_least=3) == 3
    assert parts(0) == 32, "it is tried all the same"


def test_processes_of_one_machine_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inceptionkit.training.autotune.free_memory", lambda: 12.0)
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert free_bytes("cpu") == 3.0
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    assert free_bytes("cpu") == 12.0


def test_on_a_cpu_what_the_machine_has_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr("inceptionkit.training.autotune.free_memory", lambda: 4096.0)

    assert free_bytes("cpu") == 2048.0
