"""Which device torch computes on."""

from __future__ import annotations

import torch

from inceptionkit.errors import RecipeError, did_you_mean


def named_device(name: str | None) -> str:
    """The device that is asked for: "gpu" is the first GPU, None that or else the CPU."""
    gpu = torch.cuda.is_available()
    if name is None or (name == "gpu" and gpu):
        return "cuda" if gpu else "cpu"
    return name


def check_device(name: str) -> None:
    """Refuse a device that torch does not know, or that this machine does not have."""
    kinds = ("cpu", *(("cuda",) if torch.cuda.is_available() else ()))
    if name == "gpu":
        msg = "this machine, or this torch, has no GPU; leave --device out to compute on the CPU"
        raise RecipeError(msg)
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        known = name.partition(":")[0] in {"cuda", "mps", "xpu"}
        wrong = "this machine, or this torch, has no" if known else "there is no"
        msg = f"{wrong} device {name!r}; {did_you_mean(name, kinds)}"
        raise RecipeError(msg) from error
