"""How much of a batch fits into memory at a time: predicted from what training keeps."""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch

from inceptionkit import machine
from inceptionkit.derive import cost
from inceptionkit.spec import Net

COPIES = 6  # of the weights: themselves, gradient, average, best average, two of the optimiser
KEPT = 2.7  # bytes kept for the backward pass, in bytes of all operators' outputs: at most 2.61
USABLE = 0.9  # share of the free memory that an update may take


def update_bytes(net: Net, images: int, *, itemsize: int) -> int:
    """Memory that an update of some images takes; in bf16 images take half of it.

    Norms and ReLUs keep more than the outputs of the operators: measured were 1.2 (NIN) to 2.6
    times those (GoogLeNet with batch norm).

    Args:
        net: at the size of the training crops.
        images: computed at a time.
        itemsize: bytes of a weight.
    """
    priced = cost(net).everything
    return round(COPIES * itemsize * priced.params + KEPT * (itemsize * priced.cells) * images)


def parts_that_fit(
    net: Net, images: int, *, itemsize: int, at_least: int, free_bytes: float
) -> int:
    """In how many parts to compute `images`, so that each fits; as many as images if none does.

    Args:
        net: at the size of the training crops.
        images: of an update, in this process.
        itemsize: bytes of a weight.
        at_least: parts.
        free_bytes: of the device.
    """

    def fits(parts: int) -> bool:
        return update_bytes(net, -(-images // parts), itemsize=itemsize) <= USABLE * free_bytes

    parts = at_least
    while parts < images and not fits(parts):
        parts *= 2
    return min(parts, images)


def free_bytes(device: str) -> float:
    """Memory of a device that this process may take; infinite where the system does not say."""
    if torch.device(device).type == "cuda":
        return float(torch.cuda.mem_get_info(torch.device(device))[0])
    return shared(machine.free_bytes())


def shared(free: float, environment: Mapping[str, str] = os.environ) -> float:
    """This process's share, among those that torchrun started on this machine."""
    return free / int(environment.get("LOCAL_WORLD_SIZE", "1"))
